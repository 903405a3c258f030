// SPDX-License-Identifier: GPL-2.0-only
/*
 * The KMC with a PKCS#11 token (SoftHSM2), and storage keys that follow each
 * other.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "kmc/kmc.h"
#include "log.h"
#include "token_fixture.h"

#define WRAPPED	(KMC_KEY_SIZE + KMC_WRAP_OVERHEAD)
#define LABEL	"epoch sip:g@x 1"

static char directory[64];

static int set_up(void **state)
{
	log_open("test", getenv("TEST_DEBUG") ? LOG_DEBUG : LOG_EMERG);
	strcpy(directory, "/tmp/cpns-token-XXXXXX");
	assert_non_null(mkdtemp(directory));
	if (token_available())
		token_make(directory);
	return 0;
}

static int tear_down(void **state)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

static int try_open(struct kmc **kmc, const char *provider,
		    const char *previous, char *reason, size_t room)
{
	const struct kmc_options options = {
		.state_directory = directory,
		.provider = provider,
		.previous = previous,
	};

	reason[0] = '\0';
	return kmc_open(kmc, &options, reason, room);
}

static struct kmc *open_kmc(const char *provider, const char *previous)
{
	char reason[256];
	struct kmc *kmc;

	if (try_open(&kmc, provider, previous, reason, sizeof(reason)))
		fail_msg("%s", reason);
	return kmc;
}

static struct kmc *open_token(const char *more)
{
	char uri[320];

	token_uri(directory, more, uri, sizeof(uri));
	return open_kmc(uri, NULL);
}

static void refuse(const char *uri, int expected, const char *word)
{
	char reason[256];
	struct kmc *kmc;
	int error = try_open(&kmc, uri, NULL, reason, sizeof(reason));

	if (error != expected || !strstr(reason, word))
		fail_msg("%d \"%s\", expected %d \"%s\"", error, reason,
			 expected, word);
	assert_null(kmc);
}

static char *file_in(const char *name)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static bool is_there(const char *name)
{
	return !access(file_in(name), F_OK);
}

static void need_token(void)
{
	if (!token_available())
		skip();
}

static void keys_come_from_the_token(void **state)
{
	uint8_t keys[2][KMC_KEY_SIZE], got[KMC_KEY_SIZE], wrapped[WRAPPED];
	struct stat status;
	struct kmc *kmc;

	need_token();
	kmc = open_token("");
	assert_false(kmc_rotating(kmc));
	assert_int_equal(kmc_generate(kmc, keys[0]), 0);
	assert_int_equal(kmc_generate(kmc, keys[1]), 0);
	assert_memory_not_equal(keys[0], keys[1], KMC_KEY_SIZE);
	assert_int_equal(kmc_wrap(kmc, LABEL, keys[0], wrapped), 0);
	kmc_close(kmc);
	/* no key in the clear beside it */
	assert_false(is_there("kmc.key"));
	assert_int_equal(stat(file_in("kmc.token"), &status), 0);
	assert_int_equal(status.st_size, WRAPPED);
	assert_int_equal(status.st_mode & 07777, 0600);
	kmc = open_token("");
	assert_int_equal(kmc_unwrap(kmc, LABEL, wrapped, got), 0);
	assert_memory_equal(got, keys[0], KMC_KEY_SIZE);
	kmc_close(kmc);
}

/* what an attacker with the PIN and SoftHSM's tool could try */
static void master_key_stays_in_the_token(void **state)
{
	char command[512];

	need_token();
	kmc_close(open_token(""));
	snprintf(command, sizeof(command),
		 "pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so"
		 " --token-label kmc --pin " TOKEN_PIN " --list-objects"
		 " --type secrkey 2>/dev/null >%s/list", directory);
	if (system("command -v pkcs11-tool >/dev/null") == 0) {
		assert_int_equal(system(command), 0);
		snprintf(command, sizeof(command),
			 "grep -q cpns-kmc %s/list &&"
			 " grep -q 'sensitive.*never extractable' %s/list",
			 directory, directory);
		assert_int_equal(system(command), 0);
		snprintf(command, sizeof(command),
			 "pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so"
			 " --token-label kmc --pin " TOKEN_PIN
			 " --read-object --type secrkey --label cpns-kmc"
			 " >/dev/null 2>&1");
		assert_int_not_equal(system(command), 0);
	}
}

static void bad_uris_are_refused(void **state)
{
	char uri[320];

	need_token();
	refuse("pkcs12:token=kmc", -EINVAL, "software or pkcs11");
	refuse("pkcs11:token=%zz", -EINVAL, "URI");
	refuse("pkcs11:token=kmc?pin-value=" TOKEN_PIN, -EINVAL,
	       "pin-source");
	refuse("pkcs11:token=kmc?module-path=/nonexistent.so", -ENODEV,
	       "/nonexistent.so");
	snprintf(uri, sizeof(uri), "pkcs11:token=other?module-path="
		 "/usr/lib/softhsm/libsofthsm2.so&pin-source=file:%s/pin",
		 directory);
	refuse(uri, -ENODEV, "no token");
	refuse("pkcs11:token=kmc?module-path=/usr/lib/softhsm/libsofthsm2.so",
	       -EINVAL, "pin-source");
	token_uri(directory, "", uri, sizeof(uri));
	assert_int_equal(chmod(file_in("pin"), 0644), 0);
	refuse(uri, -EACCES, "others can read");
	assert_int_equal(chmod(file_in("pin"), 0600), 0);
	assert_int_equal(truncate(file_in("pin"), 0), 0);
	refuse(uri, -EINVAL, "not a PIN");
	assert_int_equal(truncate(file_in("pin"), 300), 0);
	refuse(uri, -EINVAL, "not a PIN");
	assert_int_equal(truncate(file_in("pin"), 6), 0);
	refuse(uri, -EPERM, "PIN");
	assert_false(is_there("kmc.token"));
}

static void another_token_does_not_open_it(void **state)
{
	char uri[320], command[256];

	need_token();
	kmc_close(open_token(""));
	token_uri(directory, ";object=another", uri, sizeof(uri));
	refuse(uri, -EBADMSG, "master key");
	/* changed on the disk */
	snprintf(command, sizeof(command), "printf X | dd of=%s bs=1 seek=20"
		 " conv=notrunc 2>/dev/null", file_in("kmc.token"));
	assert_int_equal(system(command), 0);
	token_uri(directory, "", uri, sizeof(uri));
	refuse(uri, -EBADMSG, "storage key");
}

static void unplugged_and_plugged_in(void **state)
{
	uint8_t key[KMC_KEY_SIZE], got[KMC_KEY_SIZE], wrapped[WRAPPED];
	static const uint8_t zero[KMC_KEY_SIZE];
	struct kmc *kmc;

	need_token();
	kmc = open_token("");
	assert_int_equal(kmc_generate(kmc, key), 0);
	assert_int_equal(kmc_wrap(kmc, LABEL, key, wrapped), 0);
	token_unplug(directory);
	assert_int_equal(kmc_generate(kmc, got), -ENODEV);
	assert_memory_equal(got, zero, KMC_KEY_SIZE);
	assert_int_equal(kmc_generate(kmc, got), -ENODEV);
	/* members can be served */
	assert_int_equal(kmc_unwrap(kmc, LABEL, wrapped, got), 0);
	assert_memory_equal(got, key, KMC_KEY_SIZE);
	token_plug(directory);
	assert_int_equal(kmc_generate(kmc, got), 0);
	assert_memory_not_equal(got, key, KMC_KEY_SIZE);
	kmc_close(kmc);
}

/* a PIN that was changed is tried once: the token counts */
static void a_refused_pin_is_not_tried_again(void **state)
{
	uint8_t key[KMC_KEY_SIZE];
	struct kmc *kmc;
	FILE *file;

	need_token();
	kmc = open_token("");
	token_unplug(directory);
	assert_int_equal(kmc_generate(kmc, key), -ENODEV);
	token_plug(directory);
	file = fopen(file_in("pin"), "we");
	assert_non_null(file);
	fputs("wrong-pin", file);
	fclose(file);
	assert_int_equal(kmc_generate(kmc, key), -ENODEV);
	file = fopen(file_in("pin"), "we");
	assert_non_null(file);
	fputs(TOKEN_PIN, file);
	fclose(file);
	assert_int_equal(kmc_generate(kmc, key), -ENODEV);
	kmc_close(kmc);
}

static void make_empty(const char *name)
{
	FILE *file = fopen(file_in(name), "we");

	assert_non_null(file);
	fclose(file);
	assert_int_equal(chmod(file_in(name), 0600), 0);
}

/* one key at rest goes from @from to what is open now */
static void carry_over(struct kmc *kmc, uint8_t wrapped[WRAPPED],
		       const uint8_t key[KMC_KEY_SIZE])
{
	uint8_t got[KMC_KEY_SIZE];
	char reason[160] = "";

	assert_true(kmc_rotating(kmc));
	assert_int_equal(kmc_unwrap(kmc, LABEL, wrapped, got), -EBADMSG);
	assert_int_equal(kmc_rewrap(kmc, "another place", wrapped),
			 -EBADMSG);
	assert_int_equal(kmc_rewrap(kmc, LABEL, wrapped), 1);
	assert_int_equal(kmc_rewrap(kmc, LABEL, wrapped), 0);
	if (kmc_rotated(kmc, reason, sizeof(reason)))
		fail_msg("%s", reason);
	assert_false(kmc_rotating(kmc));
	assert_int_equal(kmc_unwrap(kmc, LABEL, wrapped, got), 0);
	assert_memory_equal(got, key, KMC_KEY_SIZE);
}

static void a_new_storage_key(void **state, const char *provider,
			      const char *name)
{
	uint8_t key[KMC_KEY_SIZE], got[KMC_KEY_SIZE], wrapped[WRAPPED];
	char new[32], made[32];
	struct kmc *kmc;

	snprintf(new, sizeof(new), "%s.new", name);
	snprintf(made, sizeof(made), "%s.made", name);
	kmc = open_kmc(provider, NULL);
	assert_int_equal(kmc_generate(kmc, key), 0);
	assert_int_equal(kmc_wrap(kmc, LABEL, key, wrapped), 0);
	kmc_close(kmc);
	make_empty(new);
	/* killed before the store had all: both files are there, try again */
	kmc_close(open_kmc(provider, NULL));
	assert_true(is_there(new));
	assert_true(is_there(name));
	kmc = open_kmc(provider, NULL);
	carry_over(kmc, wrapped, key);
	kmc_close(kmc);
	assert_false(is_there(new));
	assert_false(is_there(made));
	kmc = open_kmc(provider, NULL);
	assert_false(kmc_rotating(kmc));
	assert_int_equal(kmc_unwrap(kmc, LABEL, wrapped, got), 0);
	assert_memory_equal(got, key, KMC_KEY_SIZE);
	kmc_close(kmc);
}

static void a_new_storage_key_without_token(void **state)
{
	a_new_storage_key(state, NULL, "kmc.key");
}

static void a_new_storage_key_with_token(void **state)
{
	char uri[320];

	need_token();
	token_uri(directory, "", uri, sizeof(uri));
	a_new_storage_key(state, uri, "kmc.token");
}

/* software -> token -> another master key of it -> software */
static void from_provider_to_provider(void **state)
{
	uint8_t key[KMC_KEY_SIZE], wrapped[WRAPPED];
	char uri[2][320];
	struct kmc *kmc;

	need_token();
	token_uri(directory, "", uri[0], sizeof(uri[0]));
	token_uri(directory, ";object=second", uri[1], sizeof(uri[1]));
	kmc = open_kmc("software", NULL);
	assert_int_equal(kmc_generate(kmc, key), 0);
	assert_int_equal(kmc_wrap(kmc, LABEL, key, wrapped), 0);
	kmc_close(kmc);
	kmc = open_kmc(uri[0], "software");
	carry_over(kmc, wrapped, key);
	kmc_close(kmc);
	assert_false(is_there("kmc.key"));
	kmc = open_kmc(uri[1], uri[0]);
	carry_over(kmc, wrapped, key);
	kmc_close(kmc);
	/* kmc-previous left standing does no harm */
	kmc = open_kmc(uri[1], uri[0]);
	assert_false(kmc_rotating(kmc));
	assert_int_equal(kmc_unwrap(kmc, LABEL, wrapped, key), 0);
	kmc_close(kmc);
	kmc = open_kmc(NULL, uri[1]);
	carry_over(kmc, wrapped, key);
	kmc_close(kmc);
	assert_true(is_there("kmc.key"));
	assert_false(is_there("kmc.token"));
}

static void damaged_new_keys_are_refused(void **state)
{
	char reason[256];
	struct kmc *kmc;

	kmc_close(open_kmc(NULL, NULL));
	make_empty("kmc.key.new");
	assert_int_equal(truncate(file_in("kmc.key.new"), 31), 0);
	assert_int_equal(try_open(&kmc, NULL, NULL, reason, sizeof(reason)),
			 -EINVAL);
	assert_non_null(strstr(reason, "kmc.key.new"));
	assert_int_equal(truncate(file_in("kmc.key.new"), 32), 0);
	assert_int_equal(try_open(&kmc, NULL, NULL, reason, sizeof(reason)),
			 -EINVAL);
	assert_non_null(strstr(reason, "no key"));
	assert_int_equal(chmod(file_in("kmc.key.new"), 0640), 0);
	assert_int_equal(try_open(&kmc, NULL, NULL, reason, sizeof(reason)),
			 -EACCES);
	assert_true(is_there("kmc.key"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(keys_come_from_the_token),
		TEST(master_key_stays_in_the_token),
		TEST(bad_uris_are_refused),
		TEST(another_token_does_not_open_it),
		TEST(unplugged_and_plugged_in),
		TEST(a_refused_pin_is_not_tried_again),
		TEST(a_new_storage_key_without_token),
		TEST(a_new_storage_key_with_token),
		TEST(from_provider_to_provider),
		TEST(damaged_new_keys_are_refused),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
