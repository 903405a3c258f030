// SPDX-License-Identifier: GPL-2.0-only
/*
 * certs-only PKCS #7; see certs_only.h.
 */
#include "enrolment/certs_only.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <stdbool.h>

/**
 * certs_only_write() - put certificates into a bag
 * @certificates: which
 * @bytes: gets the DER; OPENSSL_free() when done
 * @size: of @bytes
 *
 * Return: 0 or -ENOMEM.
 */
int certs_only_write(const struct stack_st_X509 *certificates, uint8_t **bytes,
		     size_t *size)
{
	PKCS7 *bag = PKCS7_new();
	int length = -1, i;
	bool good;

	*bytes = NULL;
	/* "degenerate": signed data without content and signers */
	good = bag && PKCS7_set_type(bag, NID_pkcs7_signed) &&
	       PKCS7_content_new(bag, NID_pkcs7_data) &&
	       PKCS7_set_detached(bag, 1);
	for (i = 0; good && i < sk_X509_num(certificates); i++)
		good = PKCS7_add_certificate(bag,
					     sk_X509_value(certificates, i));
	if (good)
		length = i2d_PKCS7(bag, bytes);
	PKCS7_free(bag);
	ERR_clear_error();
	if (length <= 0)
		return -ENOMEM;
	*size = (size_t)length;
	return 0;
}

/**
 * certs_only_read() - take certificates out of a bag
 * @bytes: DER
 * @size: of @bytes; nothing may stand behind it
 * @most: how many there may be
 * @certificates: gets them, at least one; sk_X509_pop_free() when done
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int certs_only_read(const uint8_t *bytes, size_t size, int most,
		    struct stack_st_X509 **certificates)
{
	const uint8_t *at = bytes;
	struct stack_st_X509 *inside = NULL;
	PKCS7 *bag;
	int error = -EINVAL;

	*certificates = NULL;
	bag = size <= 65536 ? d2i_PKCS7(NULL, &at, (long)size) : NULL;
	if (bag && at == bytes + size && PKCS7_type_is_signed(bag) &&
	    bag->d.sign)
		inside = bag->d.sign->cert;
	if (inside && sk_X509_num(inside) > 0 && sk_X509_num(inside) <= most) {
		*certificates = X509_chain_up_ref(inside);
		error = *certificates ? 0 : -ENOMEM;
	}
	PKCS7_free(bag);
	ERR_clear_error();
	return error;
}
