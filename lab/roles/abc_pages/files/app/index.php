<?php
// Reports what php-fpm was told of the request, as JSON.
header('Content-Type: application/json');
$names = ['SCRIPT_FILENAME', 'SCRIPT_NAME', 'PATH_INFO', 'REQUEST_URI', 'QUERY_STRING', 'REQUEST_METHOD',
          'DOCUMENT_ROOT', 'HTTPS', 'REMOTE_ADDR', 'SERVER_NAME', 'SERVER_PORT', 'HTTP_PROXY'];
$seen = ['script' => 'index.php', 'php' => PHP_VERSION];
foreach ($names as $name) {
    $seen[$name] = $_SERVER[$name] ?? null;
}
$seen['headers'] = (object) getallheaders();
echo json_encode($seen, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES), "\n";
