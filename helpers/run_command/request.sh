#!/bin/sh
# Sends one HTTP request from this machine, to its metadata service or to Azure Resource Manager, and prints the answer
# as one line of ASCII between two marks. The request is JSON in base64, and so is each value in it: none is ever run.
# What goes wrong is an answer too. Of an access token, the signature stays here: what is printed opens nothing.
request='@REQUEST@'
metadata='http://169.254.169.254/'
arm='https://management.azure.com/'
kept='content-type|location|azure-asyncoperation|retry-after|www-authenticate|etag|server|x-ms-[a-z-]*request-id'
word='signature-kept-on-vm'
longest=3900  # Run Command returns 4,096 bytes
export LC_ALL=C
umask 077

value() { printf %s "$request" | base64 -d | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | base64 -d; }
ask() { curl -q --silent --show-error --globoff --connect-timeout 5 "$@"; }
hide_signature() {
    sed -e "s/\(eyJ[A-Za-z0-9_-]*\.eyJ[A-Za-z0-9_-]*\)\.[A-Za-z0-9._-]*/\1.$word/g" \
        -e "/$word/!s/\(\"access_token\" *: *\"\)[^\"]*/\1$word/g"
}
pack() { gzip -9 | base64 | tr -d '\n'; }
answer() {
    line=$(pack)
    if [ "${#line}" -gt "$longest" ]; then line=$(printf 'FAILED too-long\n\n%s' "${#line}" | pack); fi
    printf '%s:%s:%s\n' "$mark" "$line" "$mark"
}
fail() { printf 'FAILED %s\n\n%s' "$1" "$2" | answer; exit 0; }

mark=$(value mark)
method=$(value method)
url=$(value url)
token_url=$(value token_url)
token=''
command -v curl > /dev/null || fail no-curl ''
folder=$(mktemp -d) || fail error 'There is no room for temporary files.'
trap 'rm -rf "$folder"' EXIT

case $url in
    "$metadata"*) set -- --noproxy '*' ;;
    "$arm"*) set -- ;;
    *) fail error 'The request is for another address.' ;;
esac
if [ -n "$token_url" ]; then  # the request is to carry the token of an identity of this machine
    case $url in "$arm"*) ;; *) fail error 'The token is for another address.' ;; esac
    case $token_url in "$metadata"metadata/identity/oauth2/token\?*) ;; *) fail error 'This is no token.' ;; esac
    said=$(ask --noproxy '*' --max-time 30 --header 'Metadata: true' --url "$token_url" 2>&1 | tr -d '\r\n')
    token=$(printf %s "$said" | sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p')
    [ -n "$token" ] || fail no-token "$said"
fi

value headers > "$folder/headers"
while IFS= read -r line; do
    case $line in [A-Za-z]*) set -- "$@" --header "$line" ;; esac
done < "$folder/headers"
value body > "$folder/sent"
case $method in
    GET) ;;
    HEAD) set -- "$@" --head ;;
    *) set -- --header 'Content-Type:' "$@" --request "$method" --data-binary "@$folder/sent" ;;
esac

# The token goes over a pipe: arguments of a program can be read by others on the machine.
{
    if [ -n "$token" ]; then printf 'header = "Authorization: Bearer %s"\n' "$token"; fi |
        ask --config - --max-time "$(value seconds)" --dump-header "$folder/head" "$@" --url "$url" 2> "$folder/error"
    echo $? > "$folder/status"
} | hide_signature > "$folder/body"
[ "$(cat "$folder/status")" = 0 ] || fail no-answer "$(cat "$folder/error")"
{
    sed -n -e '/^HTTP/{s/ \([0-9]*\).*/ \1/;h;d;}' -e H -e '${x;p;}' "$folder/head" | tr -d '\r' |
        grep -i -E "^(HTTP/|($kept):)"
    echo
    [ "$method" = HEAD ] || cat "$folder/body"
} | answer
