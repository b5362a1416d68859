<?php echo "EXECUTED: an uploaded script ran\n";
