# Certificates by ACME. certbot asks the CA, the deploy hook puts what it brings in place.
#
# A CA that does not issue is no reason to go back: the site serves with what it had.

HOOK=/etc/letsencrypt/deployer-deploy
OWN_ROOTS=/etc/letsencrypt/deployer-roots.pem

# Say and keep why a certificate was not issued: the last lines of certbot.
not_issued() {
    tail -n 40 "$T/said" | tr '\t\r' '  ' | sed '/^[[:space:]]*$/d' | while IFS= read -r text; do
        say unissued "$1" "$text"
    done
    journal unissued "$1 by $2"
}

# What certbot is told; the folders are its own default ones, below the root.
run_certbot() {
    name=$1 directory=$2 email=$3 type=$4 roots=$5
    shift 5
    domains=
    for domain in "$@"; do domains="$domains -d $domain"; done
    if [ "$roots" = own ]; then
        REQUESTS_CA_BUNDLE="$R$OWN_ROOTS"
        export REQUESTS_CA_BUNDLE
    fi
    # The hook must not wait for the lock that we hold.
    DEPLOYER_APPLY=yes DEPLOYER_ROOT="$R"
    export DEPLOYER_APPLY DEPLOYER_ROOT
    # A CA that never answers must not hold the host for ever.
    alone timeout 300 certbot certonly --non-interactive --agree-tos \
        --email "$email" --server "$directory" --webroot --webroot-path "$V/acme" \
        --cert-name "deployer-$name" --key-type "$type" --deploy-hook "$R$HOOK" \
        --force-renewal --renew-with-new-domains --config-dir "$R/etc/letsencrypt" \
        --work-dir "$R/var/lib/letsencrypt" --logs-dir "$R/var/log/letsencrypt" $domains >"$T/said" 2>&1
}

# Debian 12's certbot may hide what the CA said behind an error of its own; its log has it.
unmask() {
    grep -qxF "AttributeError: can't set attribute" "$T/said" || return 0
    sed -n 's/^acme\.messages\.Error: //p' "$R/var/log/letsencrypt/letsencrypt.log" | tail -n 1 >"$T/said"
}

# A CA refuses a nonce now and then, which says nothing of what was asked: so ask once more, as certbot does.
ask_ca() {
    for again in yes no; do
        (run_certbot "$@") && return 0
        unmask
        [ "$again" = yes ] && grep -q 'anti-replay nonce' "$T/said" || return 1
    done
}

# One order: NAME DIRECTORY EMAIL KEYTYPE ROOTS NAMES...
issue() {
    set -- $1
    say issuing "$1" "$2"
    before=$(live_certificate "$1")
    # certbot says 0 where the deploy hook failed: what nginx has now is what counts.
    ask_ca "$@" && [ "$(live_certificate "$1")" != "$before" ] || {
        not_issued "$1" "$2"
        return 0
    }
    # The CA's certificate stays, whatever becomes of this release.
    OLD_CERTS=$(printf ' %s' "${OLD_CERTS:-}" | sed "s| $1=[^ ]*||")
    printf '%s' "$OLD_CERTS" >"$P/certs"
    journal issued "$1 by $2"
    say issued "$1" "$(base64 <"$D/certs/$1/fullchain.pem" | tr -d '\n')"
}
