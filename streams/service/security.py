"""`[security]` for the agents: librdkafka's settings in the words of the framework that the agents run on."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from faust.auth import Credentials, SASLCredentials, SSLCredentials

from streams.errors import ConfigError

_KNOWN = {
    "security.protocol", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password",
    "ssl.endpoint.identification.algorithm", "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password",
}  # fmt: skip
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def credentials(security: Mapping[str, str]) -> Credentials | None:
    """What the agents' clients need for these settings; None for plaintext.

    Raises ConfigError for what the agents can't do, rather than connecting with less than was asked for.
    """
    protocol = security.get("security.protocol", "plaintext").upper()
    unknown = sorted(set(security) - _KNOWN)
    if unknown:
        raise ConfigError(f"The agents can't take {', '.join(unknown)}: leave it out of [security] or ask for it.")
    if protocol == "PLAINTEXT":
        return None
    context = _context(security) if protocol in ("SSL", "SASL_SSL") else None
    if protocol == "SSL":
        return SSLCredentials(context)
    mechanism = (security.get("sasl.mechanism") or security.get("sasl.mechanisms") or "").upper()
    if protocol not in ("SASL_PLAINTEXT", "SASL_SSL") or mechanism not in _MECHANISMS:
        raise ConfigError(
            f"The agents speak SSL, SASL_SSL and SASL_PLAINTEXT with {', '.join(_MECHANISMS)}, not "
            f"{protocol} {mechanism}: set security.protocol and sasl.mechanism accordingly."
        )
    return SASLCredentials(
        username=security.get("sasl.username"),
        password=security.get("sasl.password"),
        ssl_context=context,
        mechanism=mechanism,
    )


def _context(security: Mapping[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=security.get("ssl.ca.location"))
        certificate = security.get("ssl.certificate.location")
        if certificate is not None:
            context.load_cert_chain(certificate, security.get("ssl.key.location"), security.get("ssl.key.password"))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"The files in [security] can't be used ({error}): check ssl.*.location.") from error
    context.check_hostname = security.get("ssl.endpoint.identification.algorithm", "https").lower() != "none"
    return context
