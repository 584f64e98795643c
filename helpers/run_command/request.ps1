# Sends one HTTP request from this machine, to its metadata service or to Azure Resource Manager, and prints the answer
# as one line of ASCII between two marks. The request is JSON in base64, and so is each value in it: none is ever run.
# What goes wrong is an answer too. Of an access token, the signature stays here: what is printed opens nothing.
$request = '@REQUEST@'
$metadata = 'http://169.254.169.254/'
$tokens = 'metadata/identity/oauth2/token?'
$arm = 'https://management.azure.com/'
$kept = '^(content-type|location|azure-asyncoperation|retry-after|www-authenticate|etag|server|x-ms-[a-z-]*request-id)$'
$word = 'signature-kept-on-vm'
$longest = 3900  # Run Command returns 4,096 bytes
$ErrorActionPreference = 'Stop'
$utf8 = New-Object System.Text.UTF8Encoding $false
$latin1 = [System.Text.Encoding]::GetEncoding(28591)  # any byte is a character, and back
$given = $utf8.GetString([Convert]::FromBase64String($request)) | ConvertFrom-Json

function Get-Bytes([string] $name) { , [Convert]::FromBase64String($given.$name) }
function Get-Value([string] $name) { $utf8.GetString((Get-Bytes $name)) }

function Get-Packed([byte[]] $message) {
    $packed = New-Object System.IO.MemoryStream
    $gzip = New-Object System.IO.Compression.GZipStream $packed, ([System.IO.Compression.CompressionMode]::Compress)
    $gzip.Write($message, 0, $message.Length)
    $gzip.Close()
    [Convert]::ToBase64String($packed.ToArray())
}

function Write-Answer([string] $head, [string] $body) {
    $line = Get-Packed ($latin1.GetBytes($head + "`n`n" + $body))
    if ($line.Length -gt $longest) { $line = Get-Packed ($utf8.GetBytes("FAILED too-long`n`n" + $line.Length)) }
    $mark = Get-Value 'mark'
    Write-Output ($mark + ':' + $line + ':' + $mark)
}

function Hide-Signature([string] $text) {
    $text = $text -creplace '(eyJ[A-Za-z0-9_-]*\.eyJ[A-Za-z0-9_-]*)\.[A-Za-z0-9._-]*', ('$1.' + $word)
    $text -creplace ('("access_token"\s*:\s*")(?![^"]*' + $word + ')[^"]*'), ('$1' + $word)
}

# System.Net.HttpWebRequest is in PowerShell 5.1 and 7, and writes nothing of a request to a log.
function Send-Request([string] $method, [string] $url, [string[]] $headers, [byte[]] $body, [int] $seconds) {
    $call = [System.Net.WebRequest]::Create($url)
    $call.Method = $method
    $call.AllowAutoRedirect = $false
    $call.KeepAlive = $false
    $call.Timeout = 1000 * $seconds
    $call.ReadWriteTimeout = 1000 * $seconds
    if ($url.StartsWith($metadata, 'Ordinal')) { $call.Proxy = $null }
    $call.ServicePoint.Expect100Continue = $false
    foreach ($line in $headers) {
        $name, $text = $line -split ': ', 2
        switch ($name) {
            'Accept' { $call.Accept = $text }
            'Content-Type' { $call.ContentType = $text }
            'User-Agent' { $call.UserAgent = $text }
            default { $call.Headers.Add($name, $text) }
        }
    }
    if ($method -cne 'GET' -and $method -cne 'HEAD') {
        $call.ContentLength = $body.Length
        $stream = $call.GetRequestStream()
        $stream.Write($body, 0, $body.Length)
        $stream.Close()
    }
    try { return $call.GetResponse() }
    catch {  # a status of 400 or more is an exception to .NET
        $found = Find-WebException $_.Exception
        if ($null -eq $found -or $null -eq $found.Response) { throw }
        return $found.Response
    }
}

function Find-WebException($found) {
    while ($null -ne $found -and $found -isnot [System.Net.WebException]) { $found = $found.InnerException }
    $found
}

function Read-Body($answer) {
    $read = New-Object System.IO.MemoryStream
    $stream = $answer.GetResponseStream()
    if ($null -ne $stream) { $stream.CopyTo($read) }
    $answer.Close()
    $latin1.GetString($read.ToArray())
}

try {
    [System.Net.ServicePointManager]::SecurityProtocol =
        [System.Net.ServicePointManager]::SecurityProtocol -bor [System.Net.SecurityProtocolType]::Tls12
    $url = Get-Value 'url'
    $tokenUrl = Get-Value 'token_url'
    $headers = @((Get-Value 'headers') -split "`n" | Where-Object { $_ })
    $toArm = $url.StartsWith($arm, 'Ordinal')
    if (-not ($toArm -or $url.StartsWith($metadata, 'Ordinal'))) { throw 'The request is for another address.' }
    if ($tokenUrl) {  # the request is to carry the token of an identity of this machine
        if (-not $toArm) { throw 'The token is for another address.' }
        if (-not $tokenUrl.StartsWith($metadata + $tokens, 'Ordinal')) { throw 'This is no token.' }
        $said = Read-Body (Send-Request 'GET' $tokenUrl @('Metadata: true') @() 30)
        if ($said -notmatch '"access_token"\s*:\s*"([^"]+)"') {
            Write-Answer 'FAILED no-token' $said
            exit 0
        }
        $headers += 'Authorization: Bearer ' + $Matches[1]
    }
    $answer = Send-Request (Get-Value 'method') $url $headers (Get-Bytes 'body') (Get-Value 'seconds')
    $head = 'HTTP/' + $answer.ProtocolVersion + ' ' + [int] $answer.StatusCode
    foreach ($name in $answer.Headers.AllKeys) {
        if ($name -match $kept) { $head += "`n" + $name.ToLower() + ': ' + $answer.Headers[$name] }
    }
    Write-Answer $head (Hide-Signature (Read-Body $answer))
}
catch {
    $kind = if (Find-WebException $_.Exception) { 'no-answer' } else { 'error' }
    Write-Answer ('FAILED ' + $kind) ($latin1.GetString($utf8.GetBytes($_.Exception.Message)))
}
exit 0
