# Part 3 of 6: observe. One look at the host, nothing is changed.
#
# Arguments: package:NAME service:NAME dir:PATH file:PATH text:PATH manifests journal
# stored workers

observe_facts() {
    (
        ID='' VERSION_ID='' VERSION_CODENAME=''
        [ -r "$R/etc/os-release" ] && . "$R/etc/os-release"
        say fact os_id "$ID"
        say fact os_version "$VERSION_ID"
        say fact os_codename "$VERSION_CODENAME"
    )
    if command -v nginx >/dev/null; then
        nginx -V 2>&1 | tr '\t' ' ' | while IFS= read -r text; do say nginx "$text"; done
    elif command -v apt-cache >/dev/null; then
        say candidate nginx "$(apt-cache policy nginx 2>/dev/null | sed -n 's/^ *Candidate: *//p')"
    fi
    for fpm in "$R"/usr/sbin/php-fpm[0-9]*; do
        [ -x "$fpm" ] && say fact php_version "${fpm##*php-fpm}"
    done
    for tomcat in "$R"/usr/share/tomcat[0-9]*; do
        [ -f "$tomcat/bin/catalina.sh" ] && say fact tomcat_version "${tomcat##*/tomcat}"
    done
    [ -f /proc/net/if_inet6 ] && say fact ipv6 yes || say fact ipv6 no
    sed -n 's/^nameserver  *//p' "$R/etc/resolv.conf" 2>/dev/null | while IFS= read -r server; do
        say resolver "$server"
    done
    has_systemd && say fact init systemd || say fact init none
}

# Say of each live path on standard input: link, mode, owner, group, sha256 of what it leads to.
observe_files() {
    while IFS= read -r path; do
        live="$R$path"
        link=$(readlink "$live" 2>/dev/null)
        if [ -f "$live" ]; then
            sum=$(sha256sum <"$live")
            say file "$path" "${link#"$R"}" "$(stat -L -c '%a %U %G' "$live")" "${sum%% *}"
        else
            say file "$path" "${link#"$R"}" "" ""
        fi
    done
}

observe_directory() {
    if [ -d "$R$1" ]; then
        say dir "$1" "$(stat -L -c '%a %U %G' "$R$1")"
    else
        say dir "$1" ""
    fi
}

observe_package() {
    status=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$1" 2>/dev/null)
    case "$status" in
        'installed '*) say package "$1" "${status#installed }" ;;
        *) say package "$1" "" ;;
    esac
}

observe_service() {
    active=no enabled=no
    if has_systemd; then
        systemctl is-active -q "$1" 2>/dev/null && active=yes
        systemctl is-enabled -q "$1" 2>/dev/null && enabled=yes
    else
        # Without an init system nothing starts at boot; nginx is all we can see.
        enabled=yes
        if [ "$1" != nginx ] || nginx_master >/dev/null; then active=yes; fi
    fi
    say service "$1" "$active" "$enabled"
}

observe_text() {
    [ -f "$R$1" ] && say text "$1" "$(base64 <"$R$1" | tr -d '\n')"
}

observe_manifest() {
    [ -f "$D/releases/$1/manifest" ] || return 0
    while IFS= read -r text; do say manifest "$1" "$text"; done <"$D/releases/$1/manifest"
}

observe_releases() {
    for dir in "$D"/releases/*; do
        [ -d "$dir" ] || continue
        meta=
        [ -f "$dir/release.json" ] && meta=$(tr -d '\n\t' <"$dir/release.json")
        confirmed=no
        [ -f "$dir/confirmed" ] && confirmed=yes
        say release "${dir##*/}" "$confirmed" "$meta"
    done
}

# A certificate counts only as a whole: chain and key as they were put there.
observe_certificates() {
    for dir in "$D"/certs/*; do
        [ -f "$dir/sums" ] && (cd "$dir" && sha256sum -c --status sums 2>/dev/null) || continue
        renewal="$R/etc/letsencrypt/renewal/deployer-${dir##*/}.conf"
        say cert "${dir##*/}" "$(base64 <"$dir/fullchain.pem" | tr -d '\n')" \
            "$(sed -n 's/^server *= *//p' "$renewal" 2>/dev/null)"
    done
}

observe_one() {
    case "$1" in
        package:*) observe_package "${1#*:}" ;;
        service:*) observe_service "${1#*:}" ;;
        dir:*) observe_directory "${1#*:}" ;;
        file:*) printf '%s\n' "${1#*:}" | observe_files ;;
        text:*) observe_text "${1#*:}" ;;
        stored) observe_stored ;;
        workers) observe_workers ;;
        manifests) for dir in "$D"/releases/*; do observe_manifest "${dir##*/}"; done ;;
        journal) [ -f "$V/journal" ] && tail -n 200 "$V/journal" | tr '\t' ' ' |
            while IFS= read -r text; do say journal "$text"; done ;;
    esac
}

observe() {
    [ "$(id -u)" = 0 ] || [ -n "$R" ] || { say unprivileged "$(id -un)"; say end refused; return; }
    observe_facts
    say clock "$(date +%s)"
    here=$(current)
    if [ -n "$here" ]; then
        say current "$here"
        say running "$(running_release)"
        observe_manifest "$here"
        manifest_paths "$D/current" | observe_files
        [ -f "$D/current/asks" ] &&
            while IFS= read -r question <&3; do observe_one "$question" 3<&-; done 3<"$D/current/asks"
    fi
    observe_releases
    observe_certificates
    for question in "$@"; do observe_one "$question"; done
    # Free when we can take it for an instant.
    if [ -f "$D/lock" ] && ! flock -n "$D/lock" true 9>&-; then say lock "$(tr '\t\n' '  ' <"$D/lock")"; fi
    say end ok
}
