# SPDX-License-Identifier: GPL-2.0
# With KDIR, the ordinary out-of-tree build against a kernel of yours, with none
# of this repository's machinery; without it, the machinery.

# Exported, it sends every "cd" of the kernel's make elsewhere.
unexport CDPATH

MO := $(CURDIR)/build/modules
kbuild = $(MAKE) -C $(KDIR) M=$(CURDIR) MO=$(MO)

.PHONY: default help demo check check-all test-host mutants deb soak clean-cache update-kernel bench bench-memory lint htmldocs rustdoc series modules modules_install clean rust-analyzer

# The kernel's make would take the first word of such a path for the folder of the sources.
ifneq ($(words $(subst :, ,$(CURDIR))),1)
$(error the path of this checkout, '$(CURDIR)', has a blank or a colon in it, which the kernel's make cannot build in: move it)
endif
ifneq ($(filter-out 0 1,$(words $(subst :, ,$(KDIR)))),)
$(error the path KDIR='$(KDIR)' has a blank or a colon in it, which the kernel's make cannot build in: move it)
endif

# given VARIABLE - its value, unless it is from the environment, which the kernel's make ignores.
given = $(if $(filter command override,$(origin $1)),$($1))

default: $(if $(KDIR),modules,help)

help:
	@echo '  make demo         - load the modules into an unmodified Debian kernel under QEMU; KERNEL=FLAVOUR'
	@echo '  make check        - run all tests on the default kernels'
	@echo '  make check-all    - run the main tests on each supported kernel, of the packages and the patches'
	@echo '  make test-host    - run the tests of the format that need no kernel, in seconds'
	@echo '  make mutants      - change the format in many ways, each of which a test has to notice'
	@echo '  make soak         - run the long versions of tests; MINUTES=N for how long'
	@echo '  make bench        - measure Rust against the C of the kernel'
	@echo '  make bench-memory - measure the sources of page-table memory'
	@echo '  make lint         - run the checks of sources only'
	@echo '  make htmldocs     - make HTML of Documentation/, in build/html'
	@echo '  make rustdoc      - document the crates, in build/rustdoc'
	@echo '  make series       - write patches for the kernel itself, in build/series'
	@echo '  make deb          - make Debian packages for a kernel of Debian; KERNEL=FLAVOUR'
	@echo '  make update-kernel - move to the newest kernels that Debian offers; see scripts/kernels'
	@echo '  make clean-cache  - remove unused entries of the cache'
	@echo '  make clean        - remove build/'
	@echo
	@echo 'V=1 shows what long steps print, as in: make check V=1'
	@echo
	@echo 'Against a kernel of yours, whose build folder is KDIR:'
	@echo '  make KDIR=... LLVM=1 [modules | modules_install | clean | rust-analyzer]'
	@echo '  PRODUCT=1     - without samples, benchmarks and test modules'

check:
	@scripts/check

check-all:
	@scripts/check --all

test-host:
	@scripts/check host/format host/interleavings

mutants:
	@scripts/check mutants

demo:
	@scripts/vm/demo $(if $(KERNEL),--kernel $(KERNEL))

bench:
	@scripts/measure/v7s

bench-memory:
	@scripts/measure/memory

htmldocs rustdoc:
	@scripts/docs/$@

series:
	@scripts/series/write

soak:
	@scripts/check --soak $(if $(MINUTES),--minutes $(MINUTES))

# MOK_KEY, MOK_CERT and KBUILD_SIGN_PIN get there by the environment.
deb:
	@scripts/package/deb $(if $(KERNEL),--kernel $(KERNEL)) $(if $(VERSION),--version $(VERSION))

lint:
	@scripts/check --quick lint

update-kernel:
	@scripts/kernels --update

clean-cache:
	@scripts/kernel/cache --clean

modules rust-analyzer:
	@CC='$(call given,CC)' RUSTC='$(call given,RUSTC)' scripts/kernel/preflight '$(KDIR)'
	@mkdir -p $(MO)
	+$(kbuild) $@

# Often run by root, without the compilers.
modules_install:
	$(if $(KDIR),,$(error name the kernel build folder: make KDIR=... modules_install))
	+$(kbuild) $@

clean:
ifdef KDIR
	+$(kbuild) clean
else
	rm -rf build
endif
