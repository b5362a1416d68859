<?php
// A script beside the front controller: it must be executed, and its source never shown.
header('Content-Type: application/json');
echo json_encode(['script' => 'hello.php', 'SCRIPT_NAME' => $_SERVER['SCRIPT_NAME']], JSON_UNESCAPED_SLASHES), "\n";
