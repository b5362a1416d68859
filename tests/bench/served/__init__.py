"""How fast the sites are that deployer configures, beside nginx by hand, Caddy and HAProxy."""
