/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files of tests/vectors in the kernel; constants, made at build time.
 */
#ifndef _CPNS_KUNIT_VECTORS_H
#define _CPNS_KUNIT_VECTORS_H

#include <kunit/test.h>
#include <linux/types.h>

struct vector_field {
	const char	*name;
	const u8	*bytes;
	unsigned int	size;
};

/* block of lines "name = hex"; arrays end with one that is all 0 */
struct vector {
	const char			*title;
	const struct vector_field	*field;
};

extern const struct vector vectors_hkdf_rfc5869[];
extern const struct vector vectors_hpke_rfc9180[];
extern const struct vector vectors_kernel_message[];

bool vector_has(const struct vector *vector, const char *name);
/* bytes of a line; the test fails where there is none, or not of this size */
const u8 *vector_get(struct kunit *test, const struct vector *vector,
		     const char *name, unsigned int *size);
const u8 *vector_exactly(struct kunit *test, const struct vector *vector,
			 const char *name, unsigned int size);
/* the first block whose title begins with this */
const struct vector *vector_find(struct kunit *test,
				 const struct vector *vectors,
				 const char *title);

#endif /* _CPNS_KUNIT_VECTORS_H */
