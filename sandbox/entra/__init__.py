"""Microsoft Entra ID as far as managed identities need it: keys, tokens, OAuth2 endpoints."""
