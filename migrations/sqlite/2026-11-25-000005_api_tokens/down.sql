-- All tokens are gone: callers need the token of the configuration again.

DROP TABLE api_tokens;
