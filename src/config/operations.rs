//! The settings of those who run the server: TLS, metrics and traces.

use std::net::SocketAddr;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

use super::variables::Settings;
use super::{ConfigError, Result};

/// How the server is run and watched.
pub struct Operations {
    /// `TLS_CERTIFICATE` and `TLS_KEY`; none: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// `METRICS_ADDRESS`; none: the metrics are not served.
    pub metrics_address: Option<SocketAddr>,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` and what belongs to it; none: no traces.
    pub traces: Option<Collector>,
}

/// The files that TLS needs, in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and the authority that clients trust.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where traces are sent.
pub struct Collector {
    /// The address for traces.
    pub url: Url,
    /// `OTEL_EXPORTER_OTLP_HEADERS`: what is sent with them, by name. It may hold a token.
    pub headers: Vec<(String, SecretString)>,
}

impl Settings<'_> {
    pub(super) fn operations(&self) -> Result<Operations> {
        Ok(Operations {
            tls: self.tls()?,
            metrics_address: self
                .parsed("METRICS_ADDRESS", "an address with a port, such as 127.0.0.1:9464")?,
            traces: self.collector()?,
        })
    }

    fn tls(&self) -> Result<Option<TlsFiles>> {
        match (self.text("TLS_CERTIFICATE"), self.text("TLS_KEY")) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                Ok(Some(TlsFiles { certificate: certificate.into(), key: key.into() }))
            }
            _ => Err(ConfigError("TLS_CERTIFICATE and TLS_KEY must be set together".to_owned())),
        }
    }

    fn collector(&self) -> Result<Option<Collector>> {
        let headers = self.headers("OTEL_EXPORTER_OTLP_HEADERS")?;
        let Some(text) = self.text("OTEL_EXPORTER_OTLP_ENDPOINT") else { return Ok(None) };
        let is_web = |url: &Url| {
            let is_named = !url.username().is_empty() || url.password().is_some();
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && !is_named
        };
        let mut url = Url::parse(&text).ok().filter(is_web).ok_or_else(|| {
            ConfigError(
                "OTEL_EXPORTER_OTLP_ENDPOINT must be an address such as http://127.0.0.1:4318".to_owned(),
            )
        })?;
        // the variable names the collector; each kind of data has its own path there
        let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Some(Collector { url, headers }))
    }

    /// Headers as `name=value`, with commas between; in a value `%20` is a space.
    fn headers(&self, name: &str) -> Result<Vec<(String, SecretString)>> {
        let rule = || ConfigError(format!("{name} must be headers such as name=value with commas between"));
        let parse = |text: String| {
            let (header, value) = text.split_once('=').ok_or_else(rule)?;
            let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| rule())?;
            let header = Some(header.trim()).filter(|header| !header.is_empty()).ok_or_else(rule)?;
            Ok((header.to_owned(), SecretString::from(&*value)))
        };
        self.list(name).into_iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::Config;

    fn read(variables: &[(&str, &str)]) -> Result<Config> {
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::read(&find)
    }

    fn refused(variables: &[(&str, &str)]) -> String {
        read(variables).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn certificate_and_key_go_together_and_make_the_address_https() {
        let both = [("TLS_CERTIFICATE", "cert.pem"), ("TLS_KEY", "key.pem")];
        for one in both {
            assert_eq!(refused(&[one]), "TLS_CERTIFICATE and TLS_KEY must be set together");
        }
        assert_eq!(read(&both).unwrap().public_url, "https://127.0.0.1:3000");
        let on_443 = [both[0], both[1], ("BIND_ADDRESS", "0.0.0.0:443")];
        assert_eq!(read(&on_443).unwrap().public_url, "https://0.0.0.0");
        let free_port = [both[0], both[1], ("BIND_ADDRESS", "127.0.0.1:0")];
        let real = SocketAddr::from(([127, 0, 0, 1], 4321));
        assert_eq!(read(&free_port).unwrap().bound_to(real).public_url, "https://127.0.0.1:4321");
    }

    #[test]
    fn the_collector_is_named_and_its_path_for_traces_added() {
        for (told, used) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://otel.example.com/otlp/", "https://otel.example.com/otlp/v1/traces"),
        ] {
            let config = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", told)]).unwrap();
            assert_eq!(config.operations.traces.unwrap().url.as_str(), used);
        }
        for bad in ["127.0.0.1:4318", "grpc://127.0.0.1:4317", "http://", "http://user@127.0.0.1"] {
            let said = refused(&[("OTEL_EXPORTER_OTLP_ENDPOINT", bad)]);
            assert!(said.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT must be"), "{bad}");
        }
    }

    #[test]
    fn headers_for_the_collector_are_pairs() {
        let with = |headers| {
            [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
                ("OTEL_EXPORTER_OTLP_HEADERS", headers),
            ]
        };
        let headers = read(&with("authorization=Basic%20c2U=, x-tenant = msp"))
            .unwrap()
            .operations
            .traces
            .unwrap()
            .headers;
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        assert_eq!(headers, [("authorization", "Basic c2U="), ("x-tenant", "msp")]);
        let said = refused(&with("hunter2"));
        assert!(said.starts_with("OTEL_EXPORTER_OTLP_HEADERS") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn metrics_have_an_address_of_their_own() {
        assert!(read(&[]).unwrap().operations.metrics_address.is_none());
        assert!(refused(&[("METRICS_ADDRESS", "9464")]).starts_with("METRICS_ADDRESS must be"));
    }
}
