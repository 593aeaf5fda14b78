//! The certificate that the server shows to clients. It is read anew when its files change, so that it can be
//! replaced without a restart.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::config::TlsFiles;

/// How often the files are looked at. A change is used at the second look that finds it, so that a file which
/// is being written is not taken for whole.
const LOOKS: Duration = Duration::from_secs(1);

/// What nobody but the owner and the group may do with the key file, and the group neither may write it.
const TOO_OPEN: u32 = 0o027;

/// The one protocol that is spoken over it.
const HTTP1: &[u8] = b"http/1.1";

/// The certificate, its key, and the files that they came from.
#[derive(Debug)]
pub struct Certificate {
    files: TlsFiles,
    shown: RwLock<Arc<CertifiedKey>>,
    looks: Mutex<Looks>,
}

/// What the files were like.
#[derive(Debug, Default, PartialEq, Eq)]
struct Looks {
    /// When they were last read.
    used: State,
    /// At the last look.
    last: State,
}

/// The files as they are, without what is in them; none where one is not there.
type State = Option<[u8; 32]>;

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// One sentence that names the variable of the file that cannot be used.
    pub fn open(files: &TlsFiles) -> anyhow::Result<Arc<Self>> {
        let state = state(files);
        let shown = RwLock::new(Arc::new(read(files)?));
        let looks = Mutex::new(Looks { used: state, last: state });
        Ok(Arc::new(Self { files: files.clone(), shown, looks }))
    }

    /// How connections are made that show it.
    ///
    /// # Errors
    /// Where the cipher suites do not fit the versions of TLS.
    pub fn server(self: &Arc<Self>) -> anyhow::Result<ServerConfig> {
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::clone(self) as _);
        config.alpn_protocols = vec![HTTP1.to_vec()];
        Ok(config)
    }

    /// Reads the files anew whenever they change, until `stop`. Where they cannot be used, the certificate
    /// stays as it was.
    pub async fn keep_fresh(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let always = async {
            let mut looks = tokio::time::interval(LOOKS);
            loop {
                looks.tick().await;
                let certificate = Arc::clone(&self);
                // a folder of another machine may keep one waiting
                if let Err(error) = tokio::task::spawn_blocking(move || certificate.look()).await {
                    tracing::error!(%error, "the files of the certificate cannot be looked at");
                }
            }
        };
        tokio::select! {
            () = always => {}
            () = stop => {}
        }
    }

    fn look(&self) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state(&self.files);
        let is_whole = std::mem::replace(&mut looks.last, now) == now;
        if !is_whole || now == looks.used {
            return;
        }
        looks.used = now;
        match read(&self.files) {
            Ok(fresh) => {
                *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
                tracing::info!("the certificate was read anew");
            }
            Err(error) => tracing::error!("the certificate stays as it was: {error:#}"),
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A fingerprint of the files, their rights included, which may be what was wrong.
fn state(files: &TlsFiles) -> State {
    let mut digest = Sha256::new();
    for file in [&files.certificate, &files.key] {
        digest.update(std::fs::metadata(file).ok()?.mode().to_be_bytes());
        let bytes = std::fs::read(file).map(Zeroizing::new).ok()?;
        digest.update(bytes.len().to_be_bytes());
        digest.update(&bytes);
    }
    Some(digest.finalize().into())
}

fn read(files: &TlsFiles) -> anyhow::Result<CertifiedKey> {
    let chain = certificates(&files.certificate)?;
    let key = private_key(&files.key)?;
    CertifiedKey::from_der(chain, key, &provider()).with_context(|| {
        format!("TLS_KEY: {} is not the key of the certificate in TLS_CERTIFICATE", files.key.display())
    })
}

fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let failed = || format!("TLS_CERTIFICATE: {} cannot be read", file.display());
    let text = std::fs::read(file).with_context(failed)?;
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().with_context(failed)?;
    ensure!(!chain.is_empty(), "TLS_CERTIFICATE: {} holds no certificate in PEM", file.display());
    Ok(chain)
}

fn private_key(file: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    let failed = || format!("TLS_KEY: {} cannot be read", file.display());
    if std::fs::metadata(file).with_context(failed)?.mode() & TOO_OPEN != 0 {
        bail!("TLS_KEY: {} is open to others: take their rights away (chmod 600)", file.display());
    }
    let text = std::fs::read(file).map(Zeroizing::new).with_context(failed)?;
    // what the parser says may have a part of the key in it
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| anyhow::anyhow!("TLS_KEY: {} holds no private key in PEM", file.display()))
}

/// How the server's own machine connects to it: nobody is trusted but the one who shows the very certificate in
/// the file, whatever its name and dates.
///
/// # Errors
/// Where the file cannot be read.
pub fn client(files: &TlsFiles) -> anyhow::Result<ClientConfig> {
    let shown = certificates(&files.certificate)?.swap_remove(0);
    let verifier = Arc::new(OnlyThis { shown, provider: provider() });
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

#[derive(Debug)]
struct OnlyThis {
    shown: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OnlyThis {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.shown {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
