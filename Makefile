# SPDX-License-Identifier: Apache-2.0
# A small front for Meson and ninja. Every target installs what it misses when
# run as root, and prints the one command to run otherwise.

RELEASE = build/release
CHECK = build/check
CLANG = build/clang
PREFIX ?= /usr/local
MESON = meson

.PHONY: all deps demo check fuzz bench fmt install clean

all: $(RELEASE)/build.ninja
	ninja -C $(RELEASE)

deps:
	@tools/deps.sh

$(RELEASE)/build.ninja: | deps
	$(MESON) setup $(RELEASE) --buildtype=release --prefix=$(PREFIX)

$(CHECK)/build.ninja: | deps
	$(MESON) setup $(CHECK) -Db_sanitize=address,undefined

$(CLANG)/build.ninja: | deps
	CC=clang $(MESON) setup $(CLANG) -Dfuzz=true -Db_sanitize=address,undefined

demo: all
	@tools/demo.sh $(RELEASE) $(TEE)

check: all $(CHECK)/build.ninja $(CLANG)/build.ninja
	@tools/check.sh $(RELEASE) $(CHECK) $(CLANG)

fuzz: $(CLANG)/build.ninja
	@tools/fuzz.sh $(CLANG)

bench: all
	@tools/bench.sh $(RELEASE)

fmt:
	@tools/fmt.sh --write

# The build may have been set up for another place.
install: all
	$(MESON) configure $(RELEASE) --prefix=$(PREFIX)
	$(MESON) install -C $(RELEASE)

clean:
	rm -rf build
