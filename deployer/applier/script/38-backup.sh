# Part 5b of 6: what somebody changed by hand is kept before the switch overwrites it or leaves it behind.

# Keep the file $1, which the operator knows as $2.
keep_version() {
    kept="$V/backup/$RUN$2"
    mkdir -p "${kept%/*}" && chmod 0700 "$V/backup" && rm -rf "$kept" && cp -a "$1" "$kept" || return 1
    journal kept "$2 in ${kept#"$R"}"
    say kept "$2" "${kept#"$R"}"
}

# Whether the release that we leave put a file at $1, or removed what was there.
known_to() {
    managed_by "$1" "$2" || grep -qxF -e "file:$2" "$D/releases/$1/asks" 2>/dev/null
}

# What stands in the place of our link, or where the release had removed something.
keep_replaced() {
    [ -e "$R$1" ] || [ -L "$R$1" ] || return 0
    ours "$1" && return 0
    known_to "$FROM" "$1" || return 0
    keep_version "$R$1" "$1"
}

# Paths below the root of release $1 whose content, mode or owner is not in its manifest: in $touched.
find_touched() {
    root="$D/releases/$1/root"
    touched=$(
        find "$root" ! -type d ! -path '*[[:cntrl:]]*' -printf 'at %m %u %g /%P\n' -xtype f -exec sha256sum {} + 2>/dev/null |
            awk -v root="$root" -v manifest="$D/releases/$1/manifest" '
                BEGIN {
                    while ((getline < manifest) > 0) {
                        sum = $1; kind = ($2 + 0) " " $3 " " $4
                        sub(/^[^ ]* [^ ]* [^ ]* [^ ]* [^ ]* /, "")
                        kinds[$0] = kind; sums[root $0] = sum
                    }
                }
                $1 == "at" {
                    kind = $2 " " $3 " " $4
                    sub(/^[^ ]* [^ ]* [^ ]* [^ ]* /, "")
                    if (kinds[$0] != kind) print
                    next
                }
                { sum = $1; sub(/^[^ ]*  /, "") }
                ($0 in sums) && sums[$0] != sum { print substr($0, length(root) + 1) }'
    )
    [ -z "$touched" ] || touched=$(printf '%s\n' "$touched" | sort -u)
}

keep_touched() {
    if ours "$1"; then
        keep_version "$D/releases/$FROM/root$1" "$1"
    else
        keep_version "$D/releases/$FROM/root$1" "${D#"$R"}/releases/$FROM/root$1"
    fi
}

# Backups of the last KEEP runs that had something to keep.
prune_backups() {
    find_aged "$V/backup" 0-9
    for old in $aged; do [ "$old" = "$RUN" ] || rm -rf "$V/backup/$old"; done
}

keep_backups() {
    [ -n "$FROM" ] && [ "$FROM" != original ] && [ -f "$D/releases/$FROM/manifest" ] || return 0
    find_mine
    {
        each_other keep_replaced "$LINKS$UNLINKS$ABSENT$RESTORES" &&
            { [ "$TO" = "$FROM" ] || { find_touched "$FROM" && each keep_touched "$touched"; }; }
    } 2>"$T/said" || {
        said "$T/said"
        refuse "what was changed by hand cannot be kept"
    }
    if [ -d "$V/backup/$RUN" ]; then prune_backups; fi
}
