#!/bin/sh
# install.sh PACKAGE: install the Debian package whose program has its name, where that needs no question.
# Quick when the program is there; fails when it is still missing afterwards.

command -v "$1" >/dev/null && exit 0
if [ "$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n"; fi
if command -v apt-get >/dev/null && $as_root true 2>/dev/null; then
	echo "installing $1"
	export DEBIAN_FRONTEND=noninteractive
	$as_root apt-get update -qq &&
		$as_root apt-get install -qq --no-install-recommends "$1" >/dev/null
fi
command -v "$1" >/dev/null
