// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpnsctl node issue and node install, run as a user runs them, in a
 * temporary directory; and archives that must be refused.
 *
 * argv[1] is the cpnsctl to run.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/crypto.h>

#include "../../userspace/cpnsctl/pki.h"
#include "../../userspace/cpnsctl/tar.h"

static const char *cpnsctl;
static char lab[64];
static char output[8192];

/* runs a shell command in the lab; $C is cpnsctl; returns the exit code */
__attribute__((format(printf, 1, 2)))
static int run(const char *format, ...)
{
	char words[1024], command[2048];
	va_list list;
	size_t size;
	FILE *pipe;

	va_start(list, format);
	vsnprintf(words, sizeof(words), format, list);
	va_end(list);
	snprintf(command, sizeof(command), "cd %s && C=%s && { %s; } 2>&1",
		 lab, cpnsctl, words);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	size = fread(output, 1, sizeof(output) - 1, pipe);
	output[size] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static void expect(int wanted, int got)
{
	if (wanted != got)
		fail_msg("exit code %d, not %d: %s", got, wanted, output);
}

static unsigned int mode_of(const char *name)
{
	struct stat status;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", lab, name);
	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 07777;
}

static int setup(void **state)
{
	(void)state;
	strcpy(lab, "/tmp/cpns-pki-XXXXXX");
	assert_non_null(mkdtemp(lab));
	expect(0, run("$C --config-dir server node issue --server main "
		      "--san 192.0.2.10 cs.example 2001:db8::1"));
	expect(0, run("$C --config-dir server node issue gw1 --out gw1.tar"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return run("rm -rf %s", lab);
}

static void test_modes(void **state)
{
	(void)state;
	assert_int_equal(mode_of("server"), 0700);
	assert_int_equal(mode_of("server/ca.key"), 0600);
	assert_int_equal(mode_of("server/signer.key"), 0600);
	assert_int_equal(mode_of("server/node.key"), 0600);
	assert_int_equal(mode_of("server/osg.key"), 0600);
	assert_int_equal(mode_of("server/ca.pem"), 0644);
	assert_int_equal(mode_of("gw1.tar"), 0600);
}

/* as other software reads them */
static void test_certificates(void **state)
{
	(void)state;
	expect(0, run("openssl verify -x509_strict -CAfile "
		      "server/ca.pem server/node.pem server/signer.pem"));
	expect(0, run("openssl verify -CAfile server/ca.pem -purpose sslserver server/node.pem"));
	assert_int_not_equal(run("openssl verify -CAfile server/ca.pem "
				 "-purpose sslclient server/node.pem"), 0);
	expect(0, run("openssl x509 -in server/node.pem -noout -ext subjectAltName"));
	assert_non_null(strstr(output, "URI:urn:cpns:server:main"));
	assert_non_null(strstr(output, "IP Address:192.0.2.10"));
	assert_non_null(strstr(output, "DNS:cs.example"));
	expect(0, run("openssl x509 -in server/signer.pem -noout -ext "
		      "subjectAltName,extendedKeyUsage,keyUsage"));
	assert_non_null(strstr(output, "URI:urn:cpns:signer:main"));
	assert_non_null(strstr(output, "Digital Signature"));
	assert_null(strstr(output, "Extended"));
	expect(0, run("openssl pkey -in server/osg.key -text -noout"));
	assert_non_null(strstr(output, "X25519"));
	expect(0, run("openssl pkey -in server/osg.key -pubout | cmp - server/osg.pub"));
}

static void test_never_overwrites(void **state)
{
	(void)state;
	expect(0, run("sha256sum server/* > sums"));
	expect(5, run("$C --config-dir server node issue --server main --san 192.0.2.10"));
	expect(5, run("$C --config-dir server node issue gw1 --out gw1.tar"));
	expect(0, run("sha256sum --quiet -c sums"));
	expect(0, run("$C --config-dir server node issue --server main --san 192.0.2.10 --force"));
	expect(0, run("grep -v node sums | sha256sum --quiet -c"));
	assert_int_not_equal(run("grep node.key sums | sha256sum --quiet -c"),
			     0);
	expect(0, run("$C --config-dir server node issue gw1 --out gw1.tar --force"));
	/* a CA's certificate without its key is somebody else's CA */
	expect(0, run("mkdir half && cp server/ca.pem half"));
	expect(5, run("$C --config-dir half node issue --server main --san 192.0.2.10"));
}

static void test_usage(void **state)
{
	(void)state;
	expect(0, run("$C node issue --help"));
	expect(0, run("$C node install --help"));
	expect(2, run("$C node issue"));
	expect(2, run("$C node issue gw2"));
	expect(2, run("$C node issue a/b --out x.tar"));
	expect(2, run("$C node issue --server main"));
	expect(2, run("$C node issue --server main --smf x --out y"));
	expect(2, run("$C node install"));
	expect(78, run("$C --config-dir empty node issue gw1 --out x.tar"));
	expect(2, run("$C --config-dir bad node issue --server main "
		      "--san 'x,URI:urn:cpns:server:other'"));
	expect(4, run("$C --config-dir gwx node install nothing.tar"));
}

static void test_install(void **state)
{
	(void)state;
	expect(0, run("tar tf gw1.tar | sort | tr '\\n' ' '"));
	assert_string_equal(output,
			    "ca.pem cpnsd.conf node.key node.pem osg.pub ");
	expect(0, run("$C --config-dir gw1 node install --no-pin gw1.tar"));
	assert_int_equal(mode_of("gw1"), 0700);
	assert_int_equal(mode_of("gw1/node.key"), 0600);
	assert_int_equal(mode_of("gw1/node.pem"), 0644);
	expect(0, run("cmp server/ca.pem gw1/ca.pem && cmp server/osg.pub gw1/osg.pub"));
	expect(0, run("openssl verify -CAfile gw1/ca.pem -purpose sslclient gw1/node.pem"));
	expect(0, run("grep -qx 'server = coaps+tcp://192.0.2.10:5684' gw1/cpnsd.conf && "
		      "grep -qx 'server-id = urn:cpns:server:main' gw1/cpnsd.conf"));
	/* the same again is no change, another one is refused */
	expect(0, run("$C --config-dir gw1 node install --no-pin gw1.tar"));
	expect(0, run("$C --config-dir server node issue gw2 --out gw2.tar"));
	expect(5, run("$C --config-dir gw1 node install --no-pin gw2.tar"));
	expect(0, run("tar xOf gw1.tar node.key | cmp - gw1/node.key"));
	/* what the administrator wrote stays */
	expect(0, run("echo '# mine' >>gw1/cpnsd.conf && cp gw1/cpnsd.conf mine"));
	expect(0, run("$C --config-dir gw1 node install --no-pin --force gw2.tar"));
	assert_non_null(strstr(output, "gw1/cpnsd.conf stays as it is"));
	expect(0, run("tar xOf gw2.tar node.key | cmp - gw1/node.key"));
	expect(0, run("cmp mine gw1/cpnsd.conf"));
}

static void test_smf(void **state)
{
	(void)state;
	expect(0, run("$C --config-dir server node issue --smf desk --out smf.tar"));
	expect(0, run("$C --config-dir smf node install smf.tar"));
	expect(0, run("openssl x509 -in smf/node.pem -noout -ext subjectAltName"));
	assert_non_null(strstr(output, "URI:urn:cpns:smf:desk"));
}

/* the CA's list, as other software reads it; no daemon runs here: exit 3 */
static void test_revoke(void **state)
{
	(void)state;
	expect(0, run("$C --config-dir server node issue gw8 --out gw8.tar"));
	expect(0, run("$C --config-dir server node issue gw8 --out gw8.tar --force"));
	expect(0, run("$C --config-dir server node issue gw9 --out gw9.tar"));
	expect(0, run("mkdir r8 r9 && tar xf gw8.tar -C r8 && tar xf gw9.tar -C r9"));
	assert_int_equal(mode_of("server/issued"), 0600);
	expect(3, run("$C --config-dir server node revoke gw8"));
	assert_non_null(strstr(output, "2 of gw8"));
	assert_int_equal(mode_of("server/ca.crl"), 0644);
	expect(0, run("openssl crl -in server/ca.crl -CAfile server/ca.pem -noout"));
	assert_non_null(strstr(output, "verify OK"));
	expect(0, run("cat server/ca.pem server/ca.crl > with.pem && openssl "
		      "verify -crl_check -CAfile with.pem r9/node.pem"));
	assert_int_not_equal(run("openssl verify -crl_check -CAfile with.pem r8/node.pem"),
			     0);
	assert_non_null(strstr(output, "revoked"));
	/* the next one stands beside it; the same again changes nothing */
	expect(3, run("$C --config-dir server node revoke gw9"));
	expect(3, run("$C --config-dir server node revoke gw9"));
	expect(0, run("openssl crl -in server/ca.crl -noout -text | grep -c Serial"));
	assert_string_equal(output, "3\n");
	expect(0, run("openssl crl -in server/ca.crl -noout -crlnumber"));
	assert_non_null(strstr(output, "3"));
	/* nobody it knows: the list stays, the server is told all the same */
	expect(0, run("sha256sum server/ca.crl > list.sum"));
	expect(3, run("$C --config-dir server node revoke gw77"));
	assert_non_null(strstr(output, "no certificate of urn:cpns:node:gw77"));
	expect(0, run("sha256sum --quiet -c list.sum"));
	/* a list of another CA is not written over */
	expect(0, run("$C --config-dir stranger node issue --server main --san 192.0.2.10 && "
		      "$C --config-dir stranger node issue gw8 --out s8.tar && "
		      "cp server/ca.crl stranger/"));
	run("$C --config-dir stranger node revoke gw8");
	assert_non_null(strstr(output, "not a list of this CA"));
	expect(0, run("cmp server/ca.crl stranger/ca.crl"));
	expect(2, run("$C --config-dir server node revoke a/b"));
}

/* archives that GNU tar makes are read as well */
static void test_foreign_tar(void **state)
{
	(void)state;
	expect(0, run("mkdir t && tar xf gw1.tar -C t && tar cf again.tar "
		      "--format=ustar -C t ca.pem node.pem node.key osg.pub cpnsd.conf"));
	expect(0, run("$C --config-dir again node install --no-pin again.tar"));
}

static void refuse(const char *archive, const char *words)
{
	int code = run("$C --config-dir refused node install --no-pin %s",
		       archive);

	expect(5, code);
	if (!strstr(output, words))
		fail_msg("\"%s\" has no \"%s\"", output, words);
	assert_int_not_equal(run("ls refused"), 0);
}

static void test_bad_archives(void **state)
{
	(void)state;
	expect(0, run("rm -rf u && mkdir u && tar xf gw1.tar -C u"));
	run("cd u && rm node.key && ln -s /etc/passwd node.key "
	    "&& tar cf ../bad.tar --format=ustar *");
	refuse("bad.tar", "other than a plain file");
	run("rm -rf u && mkdir u && tar xf gw1.tar -C u && tar cf bad.tar "
	    "--format=ustar -P ../$(basename $PWD)/u/node.key");
	refuse("bad.tar", "does not belong there");
	run("cd u && tar cf ../bad.tar --format=ustar --hard-dereference node.pem node.pem");
	refuse("bad.tar", "twice");
	run("cd u && tar cf ../bad.tar --format=ustar node.pem node.key osg.pub");
	refuse("bad.tar", "ca.pem is not in it");
	run("cd u && tar cf ../bad.tar --format=ustar node.pem node.key ca.pem");
	refuse("bad.tar", "osg.pub is not in it");
	run("head -c 3300 gw1.tar > bad.tar");
	refuse("bad.tar", "middle of a file");
	run("head -c 6144 gw1.tar > bad.tar");
	refuse("bad.tar", "no end");
	run("cp gw1.tar bad.tar; printf X | dd of=bad.tar bs=1 seek=10 conv=notrunc status=none");
	refuse("bad.tar", "checksum");
	run("head -c 300000 /dev/zero > bad.tar");
	refuse("bad.tar", "too large");
	run("head -c 2048 /dev/zero > bad.tar");
	refuse("bad.tar", "ca.pem is not in it");
	run("head -c 20000 /dev/zero > u/cpnsd.conf; cd u && tar cf ../bad.tar --format=ustar *");
	refuse("bad.tar", "too large");
}

static void test_wrong_contents(void **state)
{
	(void)state;
	expect(0, run("$C --config-dir other node issue --server main --san 192.0.2.10"));
	expect(0, run("$C --config-dir other node issue gw1 --out theirs.tar"));
	expect(0, run("rm -rf u w && mkdir u w && tar xf gw1.tar -C u && tar xf theirs.tar -C w"));
	run("cp w/node.key u/node.key; cd u && tar cf ../bad.tar --format=ustar *");
	refuse("bad.tar", "does not belong to node.pem");
	run("cp w/node.pem u/node.pem; cd u && tar cf ../bad.tar --format=ustar *");
	refuse("bad.tar", "not signed by the CA");
	run("tar xf gw1.tar -C u; cp server/node.pem server/node.key "
	    "u; cd u && tar cf ../bad.tar --format=ustar *");
	refuse("bad.tar", "neither a node's nor an SMF's");
	run("tar xf gw1.tar -C u; cp u/node.pem u/osg.pub; cd u "
	    "&& tar cf ../bad.tar --format=ustar *");
	refuse("bad.tar", "not an X25519 public key");
	run("tar xf gw1.tar -C u; cp u/node.pem u/ca.pem; cd u "
	    "&& tar cf ../bad.tar --format=ustar *");
	refuse("bad.tar", "ca.pem is not a CA");
}

/* the reader itself, on every shortening and every changed header byte */
static void test_tar_reader(void **state)
{
	static const char *const names[] = { "a", "b", NULL };
	struct tar tar = { 0 }, read;
	uint8_t *archive, *copy;
	char reason[128];
	size_t size, i;

	(void)state;
	assert_int_equal(tar_add(&tar, "a", 0600, "hello", 5), 0);
	assert_int_equal(tar_add(&tar, "b", 0644, "", 0), 0);
	assert_int_equal(tar_add(&tar, "b", 0644, "", 0), -EEXIST);
	assert_int_equal(tar_pack(&tar, &archive, &size), 0);
	assert_int_equal(tar_unpack(&read, archive, size, names, reason,
				    sizeof(reason)), 0);
	assert_int_equal(read.count, 2);
	assert_memory_equal(tar_find(&read, "a")->bytes, "hello", 6);
	assert_int_equal(tar_find(&read, "b")->size, 0);
	tar_free(&read);
	for (i = 0; i < size; i++) {
		copy = malloc(i ? i : 1);	/* exactly, for valgrind */
		memcpy(copy, archive, i);
		assert_int_equal(tar_unpack(&read, copy, i, names, reason,
					    sizeof(reason)), -EINVAL);
		tar_free(&read);
		free(copy);
	}
	for (i = 0; i < 512; i++) {
		archive[i] ^= 0x20;
		assert_true(tar_unpack(&read, archive, size, names, reason,
				       sizeof(reason)) == -EINVAL ||
			    (i >= 148 && i < 156));
		tar_free(&read);
		archive[i] ^= 0x20;
	}
	OPENSSL_clear_free(archive, size);
	tar_free(&tar);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_install),
		cmocka_unit_test(test_smf),
		cmocka_unit_test(test_revoke),
		cmocka_unit_test(test_foreign_tar),
		cmocka_unit_test(test_bad_archives),
		cmocka_unit_test(test_wrong_contents),
		cmocka_unit_test(test_never_overwrites),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_tar_reader),
	};

	char path[PATH_MAX];

	if (argc < 2 || !realpath(argv[1], path)) {
		fprintf(stderr, "usage: %s CPNSCTL\n", argv[0]);
		return 2;
	}
	cpnsctl = path;
	return cmocka_run_group_tests(tests, setup, teardown);
}
