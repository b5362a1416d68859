# Observe. One look at the host, nothing is changed.
#
# Arguments: package:NAME service:NAME dir:PATH file:PATH text:PATH manifests journal
# stored workers sites name:NAME
#
# Most looks find nothing to do, and each process costs a millisecond. So every tool is started once, for all that it
# can tell, and tells it raw: told.py knows what it means. Paths are relative to the root, where we stand; what is
# to be said is gathered in PAGE, a line per event, and said in one go. Lists have a line per entry, too.

# Which file says what; most lines first. Whole ones come last, as one record each.
TELL='
    FNR == 1 {
        depth = split(FILENAME, part, "/"); file = part[depth]; of = part[depth - 1]
        if (FILENAME ~ /^(var\/lib\/deployer\/known|etc\/letsencrypt\/renewal)\//) { name = file; file = of }
    }
    file == "nginx.conf" {
        if (/listen +127\.0\.0\.1:[0-9]/) { port = $0; sub(/.*listen +127\.0\.0\.1:/, "", port); sub(/[^0-9].*/, "", port) }
        else if (/location = \/deployer-release/) { if (!ported++) print "endpoint:" port }
        else if ($1 == "worker_shutdown_timeout" && !drained++) { sub(/;.*/, "", $2); print "drains:" $2 }
        next
    }
    file == "manifest" { print "manifest\t" of "\t" $0; next }
    file == "release.json" { gsub(/[\n\t]/, ""); print "meta\t" of "\t" $0; next }
    file == "known" { print name ":" $0; next }
    file == "asks" { print "asked\t" $0; next }
    file == "sums" { print "sums\t" of "\t" $0; next }
    file == "fullchain.pem" {
        # What is no plain text is for base64.
        if (/[^\n -~]|\|/ || !/\n$/) { print "odd:" of; next }
        gsub(/\n/, "|"); print "chain\t" of "\t" $0
        next
    }
    file == "os-release" {
        if (!match($0, /^(ID|VERSION_ID|VERSION_CODENAME)=/)) next
        name = substr($0, 1, RLENGTH - 1); value = substr($0, RLENGTH + 1); gsub(/["\047]/, "", value)
        print "fact\tos_" (name == "ID" ? "id" : name == "VERSION_ID" ? "version" : "codename") "\t" value
    }
    file == "resolv.conf" && sub(/^nameserver[ \t]+/, "") { print "resolver\t" $0 }
    file == "renewal" && sub(/^server *= */, "") { print "renewal\t" substr(name, 10, length(name) - 14) "\t" $0 }
    file == "hosts" { line = tolower($0); gsub(/[\t\r]/, " ", line); hosts[++count] = line }
    END {
        asked = split(names, name_of, " ")
        for (i = 1; i <= asked; i++)
            for (j = 1; j <= count; j++) {
                sub(/^ */, "", hosts[j]); address = rest = hosts[j]; sub(/ .*/, "", address)
                if (!sub(/^[^ ]* +/, "", rest)) continue
                sub(/#.*/, "", rest)
                if (index(" " rest " ", " " name_of[i] " ")) print "name\t" name_of[i] "\t" address
            }
    }'

note() { PAGE="$PAGE$1$NL"; }

# Who is not root is told so; who asks for no process is quicker.
is_root() { [ -n "$R" ] || [ -O /proc/sys ] || [ "$(id -u)" = 0 ]; }

find_facts() {
    if has_systemd; then note "fact${TAB}init${TAB}systemd"; else note "fact${TAB}init${TAB}none"; fi
    if [ -f /proc/net/if_inet6 ]; then note "fact${TAB}ipv6${TAB}yes"; else note "fact${TAB}ipv6${TAB}no"; fi
    for fpm in usr/sbin/php-fpm[0-9]*; do
        [ -x "$fpm" ] && note "fact${TAB}php_version$TAB${fpm##*php-fpm}"
    done
    for tomcat in usr/share/tomcat[0-9]*; do
        [ -f "$tomcat/bin/catalina.sh" ] && note "fact${TAB}tomcat_version$TAB${tomcat##*/tomcat}"
    done
    for left in etc/nginx/nginx.conf.dpkg-*; do
        [ -f "$left" ] && [ -n "$here" ] && [ "$here" != original ] && note "leftover$TAB/$left"
    done
}

add_text() { [ ! -f "$1" ] || TEXTS="$TEXTS$1$NL"; }

find_releases() {
    for dir in etc/deployer/releases/*; do
        [ -e "$dir" ] || continue
        # A stranger's folder has no age: it is neither the newest release nor the oldest.
        case "${dir##*/}" in
            *[[:cntrl:]]*) continue ;;
            original | [0-9]*T[0-9]*Z-*) [ -d "$dir" ] ;;
            *) false ;;
        esac || {
            note "foreign$TAB/$dir"
            continue
        }
        confirmed=no
        [ -f "$dir/confirmed" ] && confirmed=yes
        note "release$TAB${dir##*/}$TAB$confirmed"
        [ ! -f "$dir/release.json" ] || WHOLE="$WHOLE$dir/release.json$NL"
        [ "$ALL" = no ] || [ "${dir##*/}" = "$here" ] || add_text "$dir/manifest"
    done
}

# A certificate counts only as a whole: chain and key as they were put there. The controller compares.
find_certificates() {
    for dir in etc/deployer/certs/*; do
        [ -f "$dir/sums" ] && [ -f "$dir/fullchain.pem" ] && [ -f "$dir/privkey.pem" ] || continue
        TEXTS="$TEXTS$dir/sums$NL" WHOLE="$WHOLE$dir/fullchain.pem$NL"
        SUMMED="$SUMMED$dir/fullchain.pem$NL$dir/privkey.pem$NL"
        add_text "etc/letsencrypt/renewal/deployer-${dir##*/}.conf"
    done
}

read_texts() {
    add_text etc/os-release
    add_text etc/resolv.conf
    [ -z "$NAMES" ] || add_text etc/hosts
    add_text var/lib/deployer/known/nginx
    add_text var/lib/deployer/known/packages
    if [ -n "$here" ]; then
        for file in manifest asks root/etc/nginx/nginx.conf; do add_text "etc/deployer/releases/$here/$file"; done
    fi
    texts=$(awk -v names="$NAMES" "$TELL" /dev/null $TEXTS 'RS=\001' $WHOLE)
}

# Sort out what was read and what is asked: to be said, or to be looked up.
sort_out() {
    for line in $texts $QUESTIONS; do
        case "$line" in
            nginx:key*) NGINX_KEY="$NGINX_KEY${line#*:}$NL" STARTS="$STARTS${line##*"$TAB"}$NL" ;;
            nginx:*) NGINX_KNOWN="$NGINX_KNOWN${line#*:}$NL" ;;
            packages:key*) DPKG_KEY="$DPKG_KEY${line#*:}$NL" STARTS="$STARTS${line##*"$TAB"}$NL" ;;
            packages:*) DPKG_KNOWN="$DPKG_KNOWN${line#*:}$NL" ;;
            endpoint:*) port=${line#*:} ;;
            drains:*) drains=${line#*:} ;;
            odd:*) note "chain64$TAB${line#*:}$TAB$(base64 -w 0 <"etc/deployer/certs/${line#*:}/fullchain.pem")" ;;
            "asked${TAB}package:"*) PACKAGES="$PACKAGES${line#*:}$NL" ;;
            "asked${TAB}service:"*) SERVICES="$SERVICES${line#*:}$NL" ;;
            "asked${TAB}dir:"*) note "$line"; take_directory "${line#*:/}" ;;
            "asked${TAB}file:"*) note "$line"; take_file "${line#*:/}" ;;
            asked*) OTHERS="$OTHERS${line#*"$TAB"}$NL" ;;
            "manifest$TAB$here$TAB"*) note "$line"; take_file "${line#* /}" ;;
            *) note "$line" ;;
        esac
    done
}

take_directory() {
    STARTS="$STARTS./$1$NL"
    if [ -L "$1" ] && [ -d "$1" ]; then FOLLOWED="$FOLLOWED$1$NL"; fi
}

# A link to the very file of the release is told by that one; any other must be followed.
take_file() {
    STARTS="$STARTS./$1$NL"
    [ -f "$1" ] || return 0
    SUMMED="$SUMMED$1$NL"
    kept="etc/deployer/releases/$here/root/$1"
    [ ! -L "$1" ] || { [ "$1" -ef "$kept" ] && [ ! -L "$kept" ]; } || FOLLOWED="$FOLLOWED$1$NL"
}

# Links, modes and owners: of single paths (./PATH), and of what below our folders is no link of ours; and the
# keys of what is known (/PATH). Names of users other than root take longer. The folder of a process is as old as the first look at it: that is the clock.
look_around() {
    trees=etc/nginx/deployer/
    [ "${here:-original}" = original ] || trees="$trees${NL}etc/deployer/releases/$here/root/"
    found=$(find /proc/self/ $STARTS $trees \
        \( -path '/proc/self*' -prune -printf 'clock\t%T@\n' \) -o \( -path '/*' -prune -printf "$KEY" \) -o \
        \( -path './*' -prune -o ! -type d ! -lname "$D/current/root/*" ! -name '*.deployer-new' \
        ! -path '*[[:cntrl:]]*' \) \
        \( -lname '*[[:cntrl:]]*' -printf 'at\tl\t\t?\t%p\n' -o \
        -uid 0 -gid 0 -printf 'at\t%y\t%m root root\t%l\t%p\n' -o -printf 'at\t%y\t%m %u %g\t%l\t%p\n' \) 2>/dev/null)
    case "$found" in
        *"clock$TAB"*) ;;
        *) note "clock$TAB$(date +%s)" ;;
    esac
    sums=
    [ -z "$SUMMED" ] || sums=$(sha256sum $SUMMED 2>/dev/null)
    [ -z "$FOLLOWED" ] || note "$(stat -L -c "followed$TAB%a %U %G$TAB%n" $FOLLOWED)"
}

# Whether the files that key $1 is of are those that there were when it was taken.
holds() {
    case "$NL$found$NL" in
        *"$NL$1"*) [ -n "$1" ] ;;
        *) false ;;
    esac
}

observe_nginx() {
    find_nginx
    if [ -z "$NGINX" ]; then
        command -v apt-cache >/dev/null &&
            note "candidate${TAB}nginx$TAB$(apt-cache policy nginx 2>/dev/null | sed -n 's/^ *Candidate: *//p')"
    elif [ "${NGINX_KEY#*"$TAB$NGINX$NL"}" != "$NGINX_KEY" ] && holds "$NGINX_KEY"; then
        note "$NGINX_KNOWN"
    else
        KNOWN=no
        note "$(tell_nginx)"
    fi
}

observe_packages() {
    holds "$DPKG_KEY" || DPKG_KNOWN=
    unknown=
    for name in $PACKAGES; do
        case "$NL$DPKG_KNOWN" in
            *"${NL}package$TAB$name$TAB"*) ;;
            *) unknown="$unknown$name$NL" ;;
        esac
    done
    note "$DPKG_KNOWN"
    [ -z "$unknown" ] || {
        KNOWN=no
        note "$(tell_packages $unknown)"
    }
}

# What the running release tells on its endpoint, and what the next reload cuts: the configuration that runs decides
# that, the new one counts from the one after.
observe_running() {
    running=
    if [ -n "$port" ]; then
        ask_release "$port"
        running=$ANSWER
    fi
    [ -z "$here" ] || note "current$TAB$here${NL}running$TAB$running"
    if [ -z "$running" ] || [ "$running" != "$here" ]; then
        kept="$D/releases/$running/root/etc/nginx/nginx.conf"
        [ -n "$running" ] && [ -f "$kept" ] || kept="$R/etc/nginx/nginx.conf"
        find_told "$kept"
        drains=$CUT_AFTER
    fi
    if [ -n "$drains" ]; then
        live_requests "$port"
        note "cut$TAB$drains$TAB$LIVE"
    fi
}

# Without an init system nothing starts at boot, and nginx is all we can see.
observe_services() {
    others=
    for name in $SERVICES; do
        active=yes enabled=yes
        if has_systemd; then
            find_enabled "$name"
            # It answers, and its unit has neither ended nor failed.
            [ "$name" = nginx ] && [ -n "$running" ] && [ -L run/systemd/units/invocation:nginx.service ] || {
                others="$others$name$NL" ENABLED="$ENABLED$enabled$NL"
                continue
            }
        elif [ "$name" = nginx ]; then
            set +f
            find_master || active=no
            set -f
        fi
        note "service$TAB$name$TAB$active$TAB$enabled"
    done
    [ -z "$others" ] || ask_systemd
}

# In $enabled. A link says yes as well as systemctl, unless the unit is masked.
find_enabled() {
    set +f
    enabled=no
    for unit in etc/systemd/system/*.wants/"$1.service"; do
        if [ -f "$unit" ]; then enabled=yes; fi
    done
    set -f
    for unit in "etc/systemd/system/$1.service" "run/systemd/system/$1.service"; do
        if [ -e "$unit" ] && [ ! -s "$unit" ]; then enabled=no; fi
    done
    [ "$enabled" = yes ] || ! systemctl is-enabled -q "$1" 2>/dev/null || enabled=yes
}

# It answers with a line per name, in their order.
ask_systemd() {
    states=$(systemctl is-active $others 2>/dev/null)$NL
    for name in $others; do
        state=${states%%"$NL"*} states=${states#*"$NL"}
        enabled=${ENABLED%%"$NL"*} ENABLED=${ENABLED#*"$NL"}
        case "$state" in
            active | reloading | refreshing) note "service$TAB$name${TAB}yes$TAB$enabled" ;;
            *) note "service$TAB$name${TAB}no$TAB$enabled" ;;
        esac
    done
}

observe_text() {
    [ -f "$R$1" ] && say text "$1" "$(base64 -w 0 <"$R$1")"
}

# What each site is in the current release, and whether nginx serves nothing but its package's welcome page.
observe_sites() {
    [ -f "$D/current/confirmed" ] && [ -f "$D/current/sites.json" ] &&
        say sites "$(base64 -w 0 <"$D/current/sites.json")"
    { ! find_master || serves_welcome_page; } && say pristine yes
}

# As Debian installs it: one site, which is a link to the package's own file, and no file of the package changed.
serves_welcome_page() {
    default="$R/etc/nginx/sites-enabled/default"
    [ "$(find "$R/etc/nginx/sites-enabled" "$R/etc/nginx/conf.d" -mindepth 1 2>/dev/null)" = "$default" ] &&
        [ "$(readlink -f "$default")" = "$(readlink -f "$R/etc/nginx/sites-available/default")" ] &&
        dpkg -s nginx-common >/dev/null 2>&1 && ! dpkg -V nginx-common 2>/dev/null | grep -qF /etc/nginx
}

observe_one() {
    case "$1" in
        text:*) observe_text "${1#*:}" ;;
        stored) observe_stored ;;
        workers) observe_workers ;;
        sites) observe_sites ;;
        journal) [ -f "$V/journal" ] && tail -n 200 "$V/journal" | tr '\t' ' ' | sed "s/^/deployer${TAB}journal$TAB/" ;;
    esac
}

observe_others() {
    [ -n "$OTHERS" ] || return 0
    while IFS= read -r question <&3; do observe_one "$question" 3<&-; done 3<<LINES
$OTHERS
LINES
}

# An empty lock file is nobody's; one with a name in it is free when we can take it for an instant.
observe_runs() {
    if { [ -s "$D/lock" ] || [ -x "$D/lock" ]; } && ! flock -n "$D/lock" true 9>&-; then
        say lock "$(tr '\t\n' '  ' <"$D/lock" | grep . || printf 'somebody whose name the full disk had no room for')"
    fi
    if [ -f "$P/run" ]; then say_pending; fi
}

take_questions() {
    QUESTIONS='' NAMES='' ALL=no
    for question in "$@"; do
        case "$question" in
            name:*) NAMES="$NAMES${question#*:} " ;;
            manifests) ALL=yes ;;
            *) QUESTIONS="${QUESTIONS}asked$TAB$question$NL" ;;
        esac
    done
}

look_again() {
    AGAIN=$((${AGAIN:-0} + 1)) IFS=" $TAB$NL"
    [ "$AGAIN" -le 5 ] || exit 1
    set +f
    observe "$@"
    AGAIN=0
}

observe() {
    is_root || { say unprivileged "$(id -un)"; say end refused; return; }
    PAGE='' TEXTS='' WHOLE='' SUMMED='' STARTS='' FOLLOWED='' PACKAGES='' SERVICES='' ENABLED='' OTHERS=''
    NGINX_KEY='' NGINX_KNOWN='' DPKG_KEY='' DPKG_KNOWN='' port='' drains='' KNOWN=${KNOWN-yes}
    take_questions "$@"
    find_current
    find_facts
    find_releases
    find_certificates
    set -f
    IFS=$NL
    read_texts || {
        # One of them went meanwhile, and mawk tells nothing of those after it.
        look_again "$@"
        return
    }
    sort_out
    look_around
    observe_nginx
    observe_packages
    observe_running
    observe_services
    [ -z "$R" ] || note "root$TAB$R"
    printf 'deployer\t%s\n' $PAGE $found
    [ -z "$sums" ] || printf 'deployer\tsum\t%s\n' $sums
    set +f
    IFS=" $TAB$NL"
    observe_others
    observe_runs
    say end ok
}
