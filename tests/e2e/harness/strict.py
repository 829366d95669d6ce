"""A server that verifies signatures: its configuration, and the two accounts that it knows."""

KEY, SECRET, ACCOUNT = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "123456789012"
OTHER_KEY, OTHER_ACCOUNT = "AKIAOTHERFODNN7EXAMP", "210987654321"
STRICT = f"""
[auth]
mode = "enforce"
[[keys]]
access_key_id = "{KEY}"
secret_access_key = "{SECRET}"
account = "{ACCOUNT}"
user = "ada"
[[keys]]
access_key_id = "{OTHER_KEY}"
secret_access_key = "{SECRET}"
account = "{OTHER_ACCOUNT}"
user = "eve"
"""
