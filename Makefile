# SPDX-License-Identifier: GPL-2.0-only
#
# The one entry to build, show, test and install cpns. `make help` lists what
# there is. Everything made stands below build/:
#   build/kmod/RELEASE/cpns_group.ko   the module, one for each kernel
#   build/userspace/                   daemon, tool, library (meson)
#   build/userspace-gateway/           the daemon without the server
#   build/kselftest/                   programs that test the module
#   build/logs/                        what the tests said

# A build path that a test finds too.
BUILD ?= $(CURDIR)/build
PREFIX ?= /usr/local
DESTDIR ?=
KERNEL ?= 6.12
KERNELS ?= 6.1 6.12
JOBS ?= $(shell nproc)
HOST ?=
V ?= 0

Q := $(if $(filter 1,$(V)),,@)
quiet := $(if $(filter 1,$(V)),,-s)
MAKEFLAGS += --no-print-directory
# Under `make -j` the job server rules.
parallel = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

# The newest installed cloud kernel of each series that has its headers.
newest = $(lastword $(shell cd /lib/modules 2>/dev/null && \
	ls -d $(1).*-cloud-amd64/build 2>/dev/null | sed 's,/build$$,,' | sort -V))
stock = $(foreach series,$(KERNELS),$(call newest,$(series)))
running := $(shell uname -r)
# What a module is built against; KERNEL_TREE where it is not installed.
tree_of = $(or $(KERNEL_TREE),/lib/modules/$(1)/build)
native = $(if $(wildcard /lib/modules/$(running)/build/Makefile),$(running))

all: modules userspace

help:
	@echo 'make all          module (running kernel, or the stock ones) and programs'
	@echo 'make kmod         module for the stock Debian kernels $(KERNELS)'
	@echo 'make userspace    daemon, tool, library, request-key helper'
	@echo 'make userspace-gateway  the daemon of a small gateway: without the server'
	@echo 'make demo         the main job, seen working   KERNEL=6.1|6.12  HOST=1'
	@echo 'make check        all tests; last line "N passed, N failed"'
	@echo 'make check-unit   unit tests alone'
	@echo 'make check-fuzz   parsers: known inputs, then random ones for two minutes'
	@echo 'make check-kernel the module in the test guests alone'
	@echo 'make check-netns  end to end, in network namespaces of the test guests'
	@echo 'make check-interop  keyutils own suite, beside the module and without'
	@echo 'make check-debug  the kernel tests under KASAN, lockdep, kmemleak'
	@echo 'make bench        measurements   KERNEL=6.1|6.12  BENCH=name'
	@echo 'make style        checkpatch, sparse, shellcheck, codespell'
	@echo 'make deb          Debian packages, the module by DKMS, to build/deb'
	@echo 'make check-deb    builds, installs and purges them; follows the admin guide'
	@echo '                  with them in a test guest that runs systemd'
	@echo 'make install      PREFIX=$(PREFIX) DESTDIR='
	@echo 'make clean        removes build/'
	@echo 'V=1 shows commands, KERNELS="6.1" narrows the stock kernels.'

# --- the module ------------------------------------------------------------
#
# Built from a shadow of links, so that the source tree stays clean.

modules:
	$(Q)$(MAKE) $(addprefix kmod-,$(or $(native),$(stock),none))

kmod:
	$(Q)$(MAKE) $(addprefix kmod-,$(or $(stock),none))

kmod-none:
	@echo 'No kernel headers here: tests/vm/install-packages build' >&2
	@exit 1

kmod-%: force
	$(Q)mkdir -p $(BUILD)/kmod/$*/kmod
	$(Q)find $(BUILD)/kmod/$* -xtype l -delete
	$(Q)ln -sfn $(CURDIR)/Kbuild $(BUILD)/kmod/$*/Kbuild
	$(Q)ln -sfn $(CURDIR)/include $(BUILD)/kmod/$*/include
	$(Q)ln -sf $(CURDIR)/kmod/*.[ch] $(BUILD)/kmod/$*/kmod/
	@echo '  KMOD    $*'
	$(Q)$(MAKE) $(quiet) $(parallel) -C $(call tree_of,$*) M=$(BUILD)/kmod/$* \
		CONFIG_DEBUG_INFO_BTF_MODULES= $(KBUILD_EXTRA) modules

# The module with suites of KUnit in it, for the debug kernel.
kunit-%: force
	$(Q)mkdir -p $(BUILD)/kunit/$*
	$(Q)find $(BUILD)/kunit/$* -xtype l -delete
	$(Q)$(MAKE) -s -C tests/kunit OUT=$(BUILD)/kunit/$*
	@echo '  KUNIT   $*'
	$(Q)$(MAKE) $(quiet) $(parallel) -C $(call tree_of,$*) M=$(BUILD)/kunit/$* modules

# --- the programs ----------------------------------------------------------

userspace: $(BUILD)/userspace/build.ninja
	$(Q)ninja -C $(BUILD)/userspace -j$(JOBS) $(if $(filter 1,$(V)),-v,--quiet)

# cpnsd without the server, as a small gateway has it.
userspace-gateway: $(BUILD)/userspace-gateway/build.ninja
	$(Q)ninja -C $(BUILD)/userspace-gateway -j$(JOBS) \
		$(if $(filter 1,$(V)),-v,--quiet) cpnsd/cpnsd

options-userspace-gateway := -Dserver=false -Dbluetooth=disabled -Dunit-tests=false

# Configured once, and again where PREFIX is another than the last time.
$(BUILD)/%/build.ninja: $(BUILD)/prefix
	@echo '  MESON   $*'
	$(Q)meson setup $(if $(wildcard $@),--reconfigure) $(BUILD)/$* userspace \
		--prefix=$(PREFIX) $(options-$*) >$(BUILD)/meson-$*.log || \
		{ cat $(BUILD)/meson-$*.log >&2; exit 1; }

$(BUILD)/prefix: force
	$(Q)mkdir -p $(BUILD)
	$(Q)echo '$(PREFIX)' | cmp -s - $@ || echo '$(PREFIX)' >$@

kselftest:
	$(Q)$(MAKE) -C tests/kselftest BUILD=$(BUILD) V=$(V) $(parallel)

fuzz:
	$(Q)$(MAKE) -C tests/fuzz BUILD=$(BUILD) V=$(V) $(parallel)

# --- seen working ----------------------------------------------------------

demo:
	$(Q)tests/vm/install-packages build demo
ifeq ($(HOST),)
	$(Q)$(MAKE) KERNELS=$(KERNEL) kmod userspace
	$(Q)CPNS_BUILD=$(BUILD) tests/vm/run $(KERNEL) tests/netns/demo
else
	$(Q)$(MAKE) kmod-$(running) userspace
	$(Q)CPNS_BUILD=$(BUILD) bash tests/netns/demo
endif

# --- tests -----------------------------------------------------------------

check: test-build fuzz
	$(Q)CPNS_BUILD=$(BUILD) CPNS_KERNELS="$(KERNELS)" tests/run-all

test-build:
	$(Q)tests/vm/install-packages build demo check
	$(Q)$(MAKE) kmod userspace userspace-gateway kselftest

# What others test with, not in `make check`; one without source is skipped.
check-interop: interop-sources
interop-sources:
	$(Q)tests/interop/fetch-keyutils $(BUILD)
	$(Q)$(CC) -O2 -Wall -Wextra -shared -fPIC \
		-o $(BUILD)/interop/thin_limits.so tests/interop/thin_limits.c

check-fuzz:
	$(Q)tests/vm/install-packages build check
	$(Q)$(MAKE) fuzz
	$(Q)CPNS_BUILD=$(BUILD) tests/run-all fuzz

check-unit:
	$(Q)tests/vm/install-packages build
	$(Q)$(MAKE) userspace
	$(Q)CPNS_BUILD=$(BUILD) tests/run-all unit

check-kernel check-netns check-interop: check-%: test-build
	$(Q)CPNS_BUILD=$(BUILD) CPNS_KERNELS="$(KERNELS)" tests/run-all $*

# The debug kernel is built once, into a cache outside this tree.
check-debug:
	$(Q)tests/vm/install-packages build demo check debug
	$(Q)tree=$$(JOBS=$(JOBS) tests/vm/debug-kernel) && \
		release=$$(cat $$tree/include/config/kernel.release) && \
		$(MAKE) KERNEL_TREE=$$tree kmod-$$release kunit-$$release \
			kselftest userspace
	$(Q)CPNS_BUILD=$(BUILD) CPNS_KERNELS=debug tests/run-all kernel

# BENCH=name runs one of tests/bench/.
bench:
	$(Q)tests/vm/install-packages build demo check
	$(Q)$(MAKE) KERNELS=$(KERNEL) kmod userspace userspace-gateway
	$(Q)$(MAKE) -C tests/bench BUILD=$(BUILD) V=$(V)
	$(Q)CPNS_BUILD=$(BUILD) KERNEL=$(KERNEL) tests/bench/run $(BENCH)

style:
	$(Q)tests/vm/install-packages build style
	$(Q)BUILD=$(BUILD) MAKE="$(MAKE)" tests/style

# --- Debian packages --------------------------------------------------------

deb:
	$(Q)tests/vm/install-packages build packaging
	$(Q)JOBS=$(JOBS) packaging/build-deb $(BUILD)

check-deb: deb
	$(Q)cd $(BUILD)/deb && lintian --fail-on error,warning *.deb
	$(Q)packaging/test-dkms $(BUILD)/deb $(call newest,$(KERNEL))
	$(Q)packaging/test-deb $(BUILD)/deb
	$(Q)tests/vm/install-packages demo check
	$(Q)$(MAKE) KERNELS=$(KERNEL) kmod
	$(Q)packaging/test-systemd $(BUILD) $(KERNEL)

# --- installation ----------------------------------------------------------

install: all
	$(Q)DESTDIR=$(DESTDIR) meson install -C $(BUILD)/userspace --no-rebuild --quiet
	$(Q)for release in $(or $(native),$(stock)); do \
		install -D -m 644 $(BUILD)/kmod/$$release/cpns_group.ko \
			$(DESTDIR)/lib/modules/$$release/updates/cpns_group.ko && \
		{ [ -n "$(DESTDIR)" ] || depmod $$release; } || exit 1; \
	done

clean:
	$(Q)rm -rf $(BUILD)

force:
.PHONY: deb check-deb all help modules kmod kmod-none userspace \
	userspace-gateway kselftest fuzz demo check test-build check-unit \
	check-fuzz check-kernel check-netns check-interop interop-sources \
	check-debug bench style install clean force
