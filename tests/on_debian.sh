#!/bin/sh
# on_debian.sh SUITE: the test suite on another Debian, with its Python and its compiler: trixie has Python 3.13, sid what is newest.
# As root, with debootstrap; everything stands in build/SUITE, whose mounts end with this script.
set -e
cd "$(dirname "$0")/.."
root=$PWD/build/${1:?which suite? trixie, sid}
test -e "$root/ready" || {
  debootstrap --variant=minbase --include=python3-dev,python3-venv,gcc,libc6-dev,make,ca-certificates "$1" "$root"
  touch "$root/ready"
}
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"        # which may know more than the suite's own
mkdir -p "$root/srv/autodiff"
git ls-files | tar -c -T - | tar -x -C "$root/srv/autodiff"
exec unshare --mount sh -ec '
  mount -t proc proc "$1/proc"
  mount --rbind /dev "$1/dev"
  exec chroot "$1" sh -ec "cd /srv/autodiff; python3 --version; cc --version | head -1; HOME=/srv PATH=/usr/bin:/bin make test"' sh "$root"
