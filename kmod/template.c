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
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "cpns.h"

#define CPNS_TAG_BYTES	16
#define CPNS_IV_MAX_LEN	12
#define CPNS_AAD_SHORT	64
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
	int				why;	/* without @use */
	u16				sid;
	u8				use_id;
};

/*
 * What outlives an asynchronous X: AAD and IV in front of the caller's text,
 * and the IV, aligned as X wants it.
 */
struct cpns_request {
	struct scatterlist	src[3];
	u8			aad[CPNS_AAD_SHORT + CPNS_IV_MAX_LEN];
	u8			iv[CPNS_IV_MAX_LEN + CPNS_ALIGN_MAX];
	struct aead_request	subreq;
};

/* resolve a handle, key X with what it stands for */
static int cpns_setkey_handle(struct crypto_aead *aead,
			      const struct cpns_handle *handle)
{
	struct cpns_tfm *tfm = crypto_aead_ctx(aead);
	unsigned int len = handle->key_bytes + tfm->algorithm->salt;
	u16 sid = be16_to_cpu(handle->sid);
	struct cpns_use use;
	u8 traffic[32 + 4];
	int err;

	err = cpns_use_handle(handle, &use);
	if (err)
		return err;
	err = cpns_traffic_key(&use, handle->use, tfm->algorithm->aead_id, sid,
			       handle->key_bytes, traffic, len);
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
	tfm->sid = sid;
	tfm->use_id = handle->use;
	return 0;
}

static int cpns_setkey(struct crypto_aead *aead, const u8 *key,
		       unsigned int keylen)
{
	struct cpns_tfm *tfm = crypto_aead_ctx(aead);
	struct cpns_handle handle;
	int err;

	/* a request before the new key must not find the old one's rights */
	cpns_use_put(&tfm->use);
	tfm->why = -ENOKEY;

	if (keylen != sizeof(handle))
		return -EINVAL;
	memcpy(&handle, key, sizeof(handle));
	if (handle.use < CPNS_USE_ESP || handle.use > CPNS_USE_MESSAGE ||
	    !handle.sid || (handle.key_bytes != 32 &&
			    (handle.key_bytes != 16 || !tfm->algorithm->aes)))
		return -EINVAL;
	err = cpns_setkey_handle(aead, &handle);
	/*
	 * XFRM_MSG_MIGRATE clones states whose epoch may have ended, and
	 * kernels before 6.18 warn where a clone's key is refused. So for use 1
	 * the end of a key is told at every request instead.
	 */
	if (handle.use == CPNS_USE_ESP &&
	    (err == -EKEYREVOKED || err == -EKEYEXPIRED ||
	     err == -EKEYREJECTED || err == -ENOKEY)) {
		tfm->why = err;
		err = 0;
	}
	return err;
}

static int cpns_setauthsize(struct crypto_aead *aead, unsigned int authsize)
{
	struct cpns_tfm *tfm = crypto_aead_ctx(aead);

	if (authsize != CPNS_TAG_BYTES)
		return -EINVAL;
	return crypto_aead_setauthsize(tfm->child, authsize);
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
	struct sg_mapping_iter from;
	unsigned int done, part;

	sg_miter_start(&from, src, sg_nents_for_len(src, len),
		       SG_MITER_ATOMIC | SG_MITER_FROM_SG);
	for (done = 0; done < len && sg_miter_next(&from); done += part) {
		part = min_t(size_t, len - done, from.length);
		scatterwalk_map_and_copy(from.addr, dst, done, part, 1);
	}
	sg_miter_stop(&from);
#endif
}

/*
 * What encryption and decryption begin with. @iv gets what stands in the IV's
 * place. Only ESP hands over an IV of its own, the sequence number: not used.
 */
static int cpns_begin(struct cpns_tfm *tfm, struct aead_request *req,
		      unsigned int least, u8 *iv)
{
	unsigned int ivsize = tfm->algorithm->ivsize;

	if (!tfm->use.epoch)
		return tfm->why;
	if (req->cryptlen < least ||
	    (u64)req->assoclen + req->cryptlen + CPNS_TAG_BYTES > U32_MAX)
		return -EINVAL;
	if (tfm->use_id != CPNS_USE_ESP && memchr_inv(req->iv, 0, ivsize))
		return -EINVAL;
	scatterwalk_map_and_copy(iv, req->src, req->assoclen, ivsize, 0);
	return 0;
}

static u8 *cpns_request_iv(struct crypto_aead *aead, struct aead_request *req)
{
	struct cpns_request *rctx = aead_request_ctx(req);

	return PTR_ALIGN(&rctx->iv[0], crypto_aead_alignmask(aead) + 1);
}

/*
 * The source is the caller's and may not even be his to write (pages spliced
 * into a socket), so the IV goes to the destination only. X takes the text
 * from where it is, without a copy, unless the AAD is a long one.
 */
static struct scatterlist *
cpns_place_iv(struct cpns_tfm *tfm, struct aead_request *req, u8 *iv)
{
	struct cpns_request *rctx = aead_request_ctx(req);
	unsigned int ivsize = tfm->algorithm->ivsize;
	unsigned int ahead = req->assoclen + ivsize;
	struct scatterlist *text;

	if (req->src == req->dst || req->assoclen > CPNS_AAD_SHORT) {
		if (req->src != req->dst)
			cpns_copy(req->dst, req->src,
				  req->assoclen + req->cryptlen);
		scatterwalk_map_and_copy(iv, req->dst, req->assoclen, ivsize,
					 1);
		return req->dst;
	}

	scatterwalk_map_and_copy(rctx->aad, req->src, 0, req->assoclen, 0);
	memcpy(rctx->aad + req->assoclen, iv, ivsize);
	scatterwalk_map_and_copy(rctx->aad, req->dst, 0, ahead, 1);
	sg_init_table(rctx->src, ARRAY_SIZE(rctx->src));
	sg_set_buf(rctx->src, rctx->aad, ahead);
	text = scatterwalk_ffwd(rctx->src + 1, req->src, ahead);
	if (text != rctx->src + 1)
		sg_chain(rctx->src, 2, text);
	return rctx->src;
}

static int cpns_encrypt(struct aead_request *req)
{
	struct crypto_aead *aead = crypto_aead_reqtfm(req);
	struct cpns_tfm *tfm = crypto_aead_ctx(aead);
	unsigned int ivsize = tfm->algorithm->ivsize;
	u8 *iv = cpns_request_iv(aead, req);
	__be64 counter;
	int err;

	err = cpns_begin(tfm, req, ivsize, iv);
	if (!err && tfm->use_id != CPNS_USE_ESP && memchr_inv(iv, 0, ivsize))
		err = -EINVAL;
	err = err ?: cpns_may_encrypt(&tfm->use, tfm->sid) ?:
	      cpns_next_iv(&tfm->use, tfm->sid, &counter);
	if (err)
		return err;

	memset(iv, 0, ivsize);
	memcpy(iv + ivsize - sizeof(counter), &counter, sizeof(counter));

	return crypto_aead_encrypt(cpns_subrequest(tfm, req,
						   cpns_place_iv(tfm, req, iv),
						   iv));
}

static int cpns_decrypt(struct aead_request *req)
{
	struct crypto_aead *aead = crypto_aead_reqtfm(req);
	struct cpns_tfm *tfm = crypto_aead_ctx(aead);
	unsigned int ivsize = tfm->algorithm->ivsize;
	u8 *iv = cpns_request_iv(aead, req);
	int err;

	err = cpns_begin(tfm, req, ivsize + CPNS_TAG_BYTES, iv) ?:
	      cpns_may_decrypt(&tfm->use, tfm->sid);
	if (err)
		return err;
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
	tfm->why = -ENOKEY;
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
	err = crypto_inst_setname(aead_crypto_instance(inst), "cpns", &x->base);
	if (err)
		goto err_free;

	inst->alg.base.cra_priority = x->base.cra_priority;
	inst->alg.base.cra_blocksize = x->base.cra_blocksize;
	inst->alg.base.cra_alignmask = x->base.cra_alignmask;
	inst->alg.base.cra_ctxsize = sizeof(struct cpns_tfm);
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

struct crypto_template cpns_template = {
	.name	= "cpns",
	.create	= cpns_create,
	.module	= THIS_MODULE,
};
