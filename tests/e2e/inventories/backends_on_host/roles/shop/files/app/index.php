<?php
header('Content-Type: application/json');
echo json_encode(['sapi' => PHP_SAPI, 'user' => posix_getpwuid(posix_geteuid())['name'], 'HTTPS' => $_SERVER['HTTPS'] ?? null,
                  'SCRIPT_FILENAME' => $_SERVER['SCRIPT_FILENAME'], 'REQUEST_URI' => $_SERVER['REQUEST_URI'],
                  'pid' => getmypid()], JSON_UNESCAPED_SLASHES), "\n";
