// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking things up in the vectors, see vectors.h.
 */
#include <linux/string.h>

#include "vectors.h"
#include "vectors_bytes.h"

static const struct vector_field *vector_field(const struct vector *vector,
					       const char *name)
{
	const struct vector_field *field;

	for (field = vector->field; field->name; field++)
		if (!strcmp(field->name, name))
			return field;
	return NULL;
}

bool vector_has(const struct vector *vector, const char *name)
{
	return vector_field(vector, name);
}

const u8 *vector_get(struct kunit *test, const struct vector *vector,
		     const char *name, unsigned int *size)
{
	const struct vector_field *field = vector_field(vector, name);

	KUNIT_ASSERT_NOT_NULL_MSG(test, field, "%s has no %s", vector->title,
				  name);
	*size = field->size;
	return field->bytes;
}

const u8 *vector_exactly(struct kunit *test, const struct vector *vector,
			 const char *name, unsigned int size)
{
	unsigned int got;
	const u8 *bytes = vector_get(test, vector, name, &got);

	KUNIT_ASSERT_EQ_MSG(test, size, got, "%s, %s", vector->title, name);
	return bytes;
}

const struct vector *vector_find(struct kunit *test,
				 const struct vector *vectors,
				 const char *title)
{
	for (; vectors->title; vectors++)
		if (!strncmp(vectors->title, title, strlen(title)))
			return vectors;
	KUNIT_FAIL_AND_ABORT(test, "no vectors %s", title);
	return NULL;
}
