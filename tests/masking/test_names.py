from __future__ import annotations

import pytest

from ipyproject.masking import is_secret_name

SECRET = """
password PASSWORD db_password dbPassword DB-PASSWORD pgpassword PGPASSWORD password2 passWord passwd pwd passphrase
token accessToken auth_token HF_TOKEN tokens api_tokens secret client_secret clientSecret SECRET_KEY_BASE secret_id
api_key apiKey apikey API_KEY APIKey x-api-key api_keys access_key AWS_SECRET_ACCESS_KEY awsAccessKeyId private_key
key KEY encryption_key my-key key2 AccountKey credential credentials gcpCredentials creds
connection_string connectionString connstr conn_str CONNECTION_STRING dsn SENTRY_DSN
auth basic_auth authorization Authorization Proxy-Authorization bearer signature sig sas sas_token sasUrl
cookie Set-Cookie session_cookie pass db_pass jwt slack_webhook webhook_url github_pat
db.password services.maps.api_key credentials.dev.user db/password headers[Authorization]
"""

HARMLESS = """
primary_key primaryKey PRIMARY_KEY sort_key foreign_key partition_key group_key joinKey public_key
keys key_columns key_name keyed keyboard monkey turkey hockey
max_tokens maxTokens n_tokens pad_token eos_token_id token_pattern tokenizer token_type_ids tokens_per_batch
secretary password_length password_file token_url auth_type low_pass bypass compass passenger passes
model_signature read_sas asset author authority path pattern rate test_share seed username user host env
"""


@pytest.mark.parametrize("name", SECRET.split())
def test_secret_names(name) -> None:
    """Names of secrets are told in any style, grown together, and as a step of a path."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", HARMLESS.split())
def test_harmless_names(name) -> None:
    """Columns, counts of tokens, words that only contain such a word, and what is said about a secret, are none."""
    assert not is_secret_name(name)
