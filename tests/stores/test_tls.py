"""TLS: what the URL asks of it is done or refused."""

import shutil
import subprocess

import pytest

from tests.command import On, unavailable

pytestmark = pytest.mark.one_tier

OPENSSL = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
OPENSSL += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]

IS_TLS = """
from backlog.store import storage
with storage.from_environment().connect() as connection:
    sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    print(connection.execute(sql).fetchone()[0])
"""


@pytest.fixture(scope="module")
def certificate(server):
    """The server speaks TLS from now on, with a certificate that it signed itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    data = server.directory / "data"
    made, key = data / "server.crt", data / "server.key"
    subprocess.run([*OPENSSL, "-keyout", key, "-out", made], check=True, capture_output=True)
    for file in (made, key):
        shutil.chown(file, data.owner(), data.group())
        file.chmod(0o600)
    server.pause()
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("ssl = on\n")
    server.resume()
    return made


def test_a_server_without_tls_is_refused_when_tls_is_required(server):
    on = On(DATABASE_URL=f"{server.url}?sslmode=require")
    assert "SSL" in unavailable(on("stats"), server.password)


def test_tls_is_used_when_it_is_required(server, certificate):
    on = On(DATABASE_URL=f"{server.url}?sslmode=require")
    assert on("create", "--id", "A", "--title", "t").status == 0
    with on.python(IS_TLS) as process:
        assert process.communicate()[0] == "True\n"


def test_a_certificate_that_nobody_vouches_for_is_refused(server, certificate):
    on = On(DATABASE_URL=f"{server.url}?sslmode=verify-full")
    assert "certificate" in unavailable(on("stats"), server.password)


def test_a_certificate_that_we_are_told_to_trust_is_accepted_for_its_name(server, certificate):
    url = f"{server.url}?sslmode=verify-full&sslrootcert={certificate}"
    assert On(DATABASE_URL=url)("stats").status == 0
    other = On(DATABASE_URL=url.replace("127.0.0.1", "localhost"))
    assert "does not match host name" in unavailable(other("stats"), server.password)


def test_django_gets_the_same_options(server, certificate):
    code = """
from backlog.store import storage
print(storage.from_environment().django_database()["OPTIONS"]["sslmode"])"""
    with On(DATABASE_URL=f"{server.url}?sslmode=verify-full").python(code) as process:
        assert process.communicate()[0] == "verify-full\n"
