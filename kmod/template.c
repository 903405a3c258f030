// SPDX-License-Identifier: GPL-2.0-only
/*
 * Crypto template cpns(X): the one place where group keys are used.
 *
 * Its key is a handle (struct cpns_handle); setkey resolves it in the caller's
 * context, derives the sender's traffic key and keys X with it. It makes every
 * IV, in the layout of the IV generators: AAD | IV | ciphertext | tag, X's AAD
 * being AAD | IV. State is checked at every request, so what happened to the
 * group after setkey counts at once.
 *
 * Requests take no lock and run in any context. setkey sleeps; as with every
 * tfm its user keeps it apart from requests. A tfm holds the epoch, the
 * reference it was keyed through and, by its instance, this module.
 */
#include <crypto/internal/aead.h>
#include <crypto/scatterwalk.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "cpns.h"

#define CPNS_TAG_BYTES	16
#define CPNS_IV_MAX_LEN	12
#define CPNS_ALIGN_MAX	64

/* what X may be, by name before any lookup, and what it takes */
static const struct cpns_algorithm {
	const char	*name;
	u8		aead_id;
	u8		salt;
	u8		ivsize;
	bool		aes;
} cpns_algorithms[] = {
	{ "gcm(aes)", CPNS_AEAD_GCM, 0, 12, true },
	{ "rfc4106(gcm(aes))", CPNS_AEAD_RFC4106, 4, 8, true },
	{ "rfc7539(chacha20,poly1305)", CPNS_AEAD_RFC7539, 0, 12, false },
	{ "rfc7539esp(chacha20,poly1305)", CPNS_AEAD_RFC7539ESP, 4, 8, false },
};

struct cpns_instance {
	struct crypto_aead_spawn	spawn;
	const struct cpns_algorithm	*algorithm;
};

struct cpns_tfm {
	struct crypto_aead		*child;
	const struct cpns_algorithm	*algorithm;
	struct cpns_use			use;
	u16				sid;
	u8				use_id;
};

/* the IV outlives an asynchronous X: it stands here, aligned as X wants it */
struct cpns_request {
	u8			iv[CPNS_IV_MAX_LEN + CPNS_ALIGN_MAX];
	struct aead_request	subreq;
};

static bool cpns_handle_valid(const struct cpns_algorithm *algorithm,
			      const struct cpns_handle *handle)
{
	if (handle->use < CPNS_USE_ESP || handle->use > CPNS_USE_MESSAGE)
		return false;
	if (!handle->sid)
		return false;
	return handle->key_bytes == 32 ||
	       (handle->key_bytes == 16 && algorithm->aes);
}

static int cpns_setkey(struct crypto_aead *aead, const u8 *key,
		       unsigned int keylen)
{
	struct cpns_tfm *tfm = crypto_aead_ctx(aead);
	const struct cpns_algorithm *algorithm = tfm->algorithm;
	struct cpns_handle handle;
	struct cpns_use use = {};
	u8 traffic[32 + 4];
	unsigned int len;
	int err;

	/* a request before the new key must not find the old one's rights */
	cpns_use_put(&tfm->use);

	if (keylen != sizeof(handle))
		return -EINVAL;
	memcpy(&handle, key, sizeof(handle));
	if (!cpns_handle_valid(algorithm, &handle))
		return -EINVAL;
	err = cpns_use_handle(&handle, &use);
	if (err)
		return err;

	len = handle.key_bytes + algorithm->salt;
	err = cpns_traffic_key(&use, handle.use, algorithm->aead_id,
			       be16_to_cpu(handle.sid), handle.key_bytes,
			       traffic, len);
	if (!err) {
		crypto_aead_clear_flags(tfm->child, CRYPTO_TFM_REQ_MASK);
		crypto_aead_set_flags(tfm->child, crypto_aead_get_flags(aead) &
				      CRYPTO_TFM_REQ_MASK);
		err = crypto_aead_setkey(tfm->child, traffic, len);
	}
	memzero_explicit(traffic, sizeof(traffic));
	if (err) {
		cpns_use_put(&use);
		return err;
	}

	tfm->use = use;
	tfm->sid = be16_to_cpu(handle.sid);
	tfm->use_id = handle.use;
	return 0;
}

static int cpns_setauthsize(struct crypto_aead *aead, unsigned int authsize)
{
	struct cpns_tfm *tfm = crypto_aead_ctx(aead);

	if (authsize != CPNS_TAG_BYTES)
		return -EINVAL;
	return crypto_aead_setauthsize(tfm->child, authsize);
}

/* Only ESP hands over an IV of its own (the sequence number): not used. */
static bool cpns_caller_has_iv(const struct cpns_tfm *tfm,
			       const struct aead_request *req)
{
	return tfm->use_id != CPNS_USE_ESP &&
	       memchr_inv(req->iv, 0, tfm->algorithm->ivsize);
}

static u8 *cpns_request_iv(struct crypto_aead *aead, struct cpns_request *rctx)
{
	return PTR_ALIGN(&rctx->iv[0], crypto_aead_alignmask(aead) + 1);
}

/* X completes to the caller itself: nothing of ours is left to do or wipe */
static struct aead_request *
cpns_subrequest(struct cpns_tfm *tfm, struct aead_request *req,
		struct scatterlist *src, u8 *iv)
{
	struct cpns_request *rctx = aead_request_ctx(req);
	unsigned int ivsize = tfm->algorithm->ivsize;
	struct aead_request *subreq = &rctx->subreq;

	aead_request_set_tfm(subreq, tfm->child);
	aead_request_set_callback(subreq, aead_request_flags(req),
				  req->base.complete, req->base.data);
	aead_request_set_crypt(subreq, src, req->dst, req->cryptlen - ivsize,
			       iv);
	aead_request_set_ad(subreq, req->assoclen + ivsize);
	return subreq;
}

static void cpns_copy(struct scatterlist *dst, struct scatterlist *src,
		      unsigned int len)
{
#ifdef CPNS_HAVE_MEMCPY_SGLIST
	memcpy_sglist(dst, src, len);
#else
	unsigned int done, part;
	u8 piece[256];

	for (done = 0; done < len; done += part) {
		part = min_t(unsigned int, len - done, sizeof(piece));
		scatterwalk_map_and_copy(piece, src, done, part, 0);
		scatterwalk_map_and_copy(piece, dst, done, part, 1);
	}
	memzero_explicit(piece, sizeof(piece));
#endif
}

static int cpns_encrypt(struct aead_request *req)
{
	struct crypto_aead *aead = crypto_aead_reqtfm(req);
	struct cpns_tfm *tfm = crypto_aead_ctx(aead);
	unsigned int ivsize = tfm->algorithm->ivsize;
	struct cpns_request *rctx = aead_request_ctx(req);
	u8 *iv = cpns_request_iv(aead, rctx);
	__be64 counter;
	int err;

	if (!tfm->use.epoch)
		return -ENOKEY;
	if (req->cryptlen < ivsize ||
	    req->assoclen > U32_MAX - CPNS_TAG_BYTES - req->cryptlen)
		return -EINVAL;
	if (cpns_caller_has_iv(tfm, req))
		return -EINVAL;
	if (tfm->use_id != CPNS_USE_ESP) {
		scatterwalk_map_and_copy(iv, req->src, req->assoclen, ivsize,
					 0);
		if (memchr_inv(iv, 0, ivsize))
			return -EINVAL;
	}
	err = cpns_may_encrypt(&tfm->use, tfm->sid);
	if (!err)
		err = cpns_next_iv(&tfm->use, tfm->sid, &counter);
	if (err)
		return err;

	memset(iv, 0, ivsize);
	memcpy(iv + ivsize - sizeof(counter), &counter, sizeof(counter));

	/*
	 * The source is the caller's and may not even be his to write (pages
	 * spliced into a socket), so the IV goes to the destination only.
	 */
	if (req->src != req->dst)
		cpns_copy(req->dst, req->src, req->assoclen + req->cryptlen);
	scatterwalk_map_and_copy(iv, req->dst, req->assoclen, ivsize, 1);

	return crypto_aead_encrypt(cpns_subrequest(tfm, req, req->dst, iv));
}

static int cpns_decrypt(struct aead_request *req)
{
	struct crypto_aead *aead = crypto_aead_reqtfm(req);
	struct cpns_tfm *tfm = crypto_aead_ctx(aead);
	unsigned int ivsize = tfm->algorithm->ivsize;
	struct cpns_request *rctx = aead_request_ctx(req);
	u8 *iv = cpns_request_iv(aead, rctx);
	int err;

	if (!tfm->use.epoch)
		return -ENOKEY;
	if (req->cryptlen < ivsize + CPNS_TAG_BYTES ||
	    req->assoclen > U32_MAX - req->cryptlen)
		return -EINVAL;
	if (cpns_caller_has_iv(tfm, req))
		return -EINVAL;
	err = cpns_may_decrypt(&tfm->use, tfm->sid);
	if (err)
		return err;

	scatterwalk_map_and_copy(iv, req->src, req->assoclen, ivsize, 0);
	/* X leaves AAD and IV of the destination alone; make the IV defined */
	if (req->src != req->dst)
		scatterwalk_map_and_copy(iv, req->dst, req->assoclen, ivsize,
					 1);

	return crypto_aead_decrypt(cpns_subrequest(tfm, req, req->src, iv));
}

static int cpns_init_tfm(struct crypto_aead *aead)
{
	struct cpns_instance *ctx = aead_instance_ctx(aead_alg_instance(aead));
	struct cpns_tfm *tfm = crypto_aead_ctx(aead);
	struct crypto_aead *child;
	int err;

	child = crypto_spawn_aead(&ctx->spawn);
	if (IS_ERR(child))
		return PTR_ERR(child);
	err = crypto_aead_setauthsize(child, CPNS_TAG_BYTES);
	if (err) {
		crypto_free_aead(child);
		return err;
	}
	tfm->child = child;
	tfm->algorithm = ctx->algorithm;
	memset(&tfm->use, 0, sizeof(tfm->use));
	crypto_aead_set_reqsize(aead, sizeof(struct cpns_request) +
				crypto_aead_reqsize(child));
	return 0;
}

static void cpns_exit_tfm(struct crypto_aead *aead)
{
	struct cpns_tfm *tfm = crypto_aead_ctx(aead);

	crypto_free_aead(tfm->child);
	cpns_use_put(&tfm->use);
}

static void cpns_free_instance(struct aead_instance *inst)
{
	struct cpns_instance *ctx = aead_instance_ctx(inst);

	crypto_drop_aead(&ctx->spawn);
	kfree(inst);
}

static const struct cpns_algorithm *cpns_algorithm(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cpns_algorithms); i++)
		if (!strcmp(name, cpns_algorithms[i].name))
			return &cpns_algorithms[i];
	return NULL;
}

static int cpns_set_names(struct crypto_alg *base, const struct crypto_alg *x)
{
	if (snprintf(base->cra_name, CRYPTO_MAX_ALG_NAME, "cpns(%s)",
		     x->cra_name) >= CRYPTO_MAX_ALG_NAME ||
	    snprintf(base->cra_driver_name, CRYPTO_MAX_ALG_NAME, "cpns(%s)",
		     x->cra_driver_name) >= CRYPTO_MAX_ALG_NAME)
		return -ENAMETOOLONG;
	base->cra_priority = x->cra_priority;
	base->cra_blocksize = x->cra_blocksize;
	base->cra_alignmask = x->cra_alignmask;
	base->cra_ctxsize = sizeof(struct cpns_tfm);
	return 0;
}

static int cpns_create(struct crypto_template *tmpl, struct rtattr **tb)
{
	const struct cpns_algorithm *algorithm;
	struct aead_instance *inst;
	struct cpns_instance *ctx;
	struct aead_alg *x;
	const char *name;
	u32 mask;
	int err;

	err = crypto_check_attr_type(tb, CRYPTO_ALG_TYPE_AEAD, &mask);
	if (err)
		return err;
	name = crypto_attr_alg_name(tb[1]);
	if (IS_ERR(name))
		return PTR_ERR(name);
	algorithm = cpns_algorithm(name);
	if (!algorithm)
		return -EINVAL;

	inst = kzalloc(sizeof(*inst) + sizeof(*ctx), GFP_KERNEL);
	if (!inst)
		return -ENOMEM;
	ctx = aead_instance_ctx(inst);
	ctx->algorithm = algorithm;
	err = crypto_grab_aead(&ctx->spawn, aead_crypto_instance(inst), name,
			       0, mask);
	if (err)
		goto err_free;
	x = crypto_spawn_aead_alg(&ctx->spawn);

	err = -EINVAL;
	if (crypto_aead_alg_ivsize(x) != algorithm->ivsize ||
	    crypto_aead_alg_maxauthsize(x) != CPNS_TAG_BYTES ||
	    x->base.cra_alignmask >= CPNS_ALIGN_MAX)
		goto err_free;
	err = cpns_set_names(&inst->alg.base, &x->base);
	if (err)
		goto err_free;

	inst->alg.ivsize = algorithm->ivsize;
	inst->alg.maxauthsize = CPNS_TAG_BYTES;
	inst->alg.chunksize = crypto_aead_alg_chunksize(x);
	inst->alg.init = cpns_init_tfm;
	inst->alg.exit = cpns_exit_tfm;
	inst->alg.setkey = cpns_setkey;
	inst->alg.setauthsize = cpns_setauthsize;
	inst->alg.encrypt = cpns_encrypt;
	inst->alg.decrypt = cpns_decrypt;
	inst->free = cpns_free_instance;

	err = aead_register_instance(tmpl, inst);
	if (err)
		goto err_free;
	return 0;

err_free:
	cpns_free_instance(inst);
	return err;
}

static struct crypto_template cpns_template = {
	.name	= "cpns",
	.create	= cpns_create,
	.module	= THIS_MODULE,
};

/**
 * cpns_template_init() - register the template
 *
 * Return: 0 or a negative errno.
 */
int __init cpns_template_init(void)
{
	return crypto_register_template(&cpns_template);
}

/**
 * cpns_template_exit() - unregister the template
 *
 * Its instances hold the module, so none is left.
 */
void cpns_template_exit(void)
{
	crypto_unregister_template(&cpns_template);
}
