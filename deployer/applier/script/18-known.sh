# What is known of a host: facts that change only when certain files do, kept by a run for the looks to come.
#
# $V/known/NAME has the keys of those files, as find says them, then the events. A look that finds one of them
# changed asks afresh, and writes nothing. No device in the key: some are numbered anew at each boot.

KEY='key\t%i %s %T@ %C@\t%p\n'
DPKG="$R/var/lib/dpkg/status $R/var/lib/dpkg/updates"

# The nginx that would be started, in $NGINX.
find_nginx() {
    NGINX=
    former=$IFS
    IFS=:
    for dir in $PATH; do
        if [ -z "$NGINX" ] && [ -f "$dir/nginx" ] && [ -x "$dir/nginx" ]; then NGINX=$dir/nginx; fi
    done
    IFS=$former
}

tell_nginx() { "$NGINX" -V 2>&1 | sed "s/$TAB/ /g; s/^/nginx$TAB/"; }

# Which of the packages are installed, and their versions.
tell_packages() {
    dpkg-query -W -f '${Package}\t${db:Status-Status}\t${Version}\t${Architecture}\n' "$@" 2>/dev/null |
        awk -v names="$*" '
            BEGIN { FS = "\t"; count = split(names, name, /[ \n]+/) }
            $2 == "installed" { version[$1] = version[$1 ":" $4] = $3 }
            END { for (i = 1; i <= count; i++) if (name[i] != "") print "package\t" name[i] "\t" version[name[i]] }'
}
