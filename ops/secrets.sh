#!/bin/sh
# Adds to .env a random secret for each that docker-compose.yml asks for and .env lacks. What is
# there is never changed: without its VAULT_SECRET a vault cannot be read.
set -eu

cd "$(dirname "$0")/.."
umask 077
touch .env
chmod 600 .env
# The last line may have been left without its end.
[ -z "$(tail -c 1 .env)" ] || echo >> .env

grep -o '\${[A-Z_]*:?' docker-compose.yml | tr -dc 'A-Z_\n' | sort -u | while read -r name; do
  grep -q "^$name=" .env && continue
  echo "$name=$(od -vAn -N24 -tx1 /dev/urandom | tr -d ' \n')" >> .env
  echo "made $name"
done
