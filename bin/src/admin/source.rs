//! Where commands find what they tell.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use paddock_consensus::ServerId;
use paddock_consensus::config::{Config as Membership, HostPort};
use paddock_engine::acl::Authority;
use paddock_engine::snapshot::HeldVersion;
use paddock_net::conf_reply::ConfReply;
use paddock_net::four_letter;
use paddock_net::serving::Serve;
use paddock_net::status::Status;
use paddock_net::survey::{Piece, Question};
use paddock_net::surveyor::{Surveyor, Unanswered};

use super::limiter::Limiter;
use super::restorer::Restorer;
use crate::config::AdminSettings;

/// Something that is read when it is asked for.
pub type Now<T> = Box<dyn Fn() -> T + Send + Sync>;

/// What commands are given.
pub struct Source {
    pub settings: AdminSettings,
    pub status: Arc<Status>,
    pub surveyor: Surveyor,
    pub authority: Authority,
    /// What `conf` tells.
    pub conf: Now<ConfReply>,
    /// The address that clients come to, as the configuration has it; where it is every address, this is no address of a machine.
    pub client_ip: IpAddr,
    /// Of a member of an ensemble: who it is, and the committed configuration.
    pub member: Option<(ServerId, Now<Arc<Membership>>)>,
    /// The directory with the snapshots of the present history.
    pub data_dir: Now<PathBuf>,
    /// The `dataLogDir`.
    pub log_dir: PathBuf,
    /// The file of the configuration, without its secrets; `None` where there is none.
    pub initial_text: Option<String>,
    /// The system properties that were given, without their secrets, by name.
    pub properties: Vec<(String, String)>,
    /// Held while a list is made that may be long, so that one of them is in memory at a time, whoever asks.
    pub lists: Mutex<()>,
    /// How often a snapshot may be asked for.
    pub limiter: Limiter,
    /// Whether one is being taken for somebody.
    pub is_snapshotting: Arc<AtomicBool>,
    /// How often a state may be brought, and whether one is being taken in.
    pub restore_limiter: Limiter,
    pub is_restoring: AtomicBool,
    /// Of a server that stands alone: who puts a state in the place of its own.
    pub restorer: Option<Arc<Restorer>>,
}

impl Source {
    /// How clients are served.
    pub fn serve(&self) -> Serve {
        self.status.replica.serving()
    }

    /// Whether clients are served, as all that is asked tells it.
    pub fn serves(&self) -> bool {
        four_letter::serves(self.serve(), &self.status)
    }

    /// What the server is, as `Mode` has it; the empty text while clients are not served.
    pub fn mode(&self) -> &'static str {
        four_letter::mode(self.serve(), &self.status).unwrap_or_default()
    }

    /// Where clients reach this server: as the ensemble's configuration has it, or else as this server listens for them.
    pub fn client_address(&self) -> HostPort {
        let listed = self.member.as_ref().and_then(|(me, config)| config().members().get(me)?.client.clone());
        listed.unwrap_or_else(|| HostPort {
            host: self.client_ip.to_string().into(),
            port: (self.conf)().any_client_port(),
        })
    }

    pub fn is_read_only(&self) -> bool {
        self.mode() == "read-only"
    }

    /// Who this member is and how its ensemble is made up, unless it serves readers alone; `None` for a server that stands alone.
    pub fn membership(&self) -> Option<(ServerId, Arc<Membership>)> {
        let (me, config) = self.member.as_ref().filter(|_| !self.is_read_only())?;
        Some((*me, config()))
    }

    /// The newest version that is committed and durable, held until it is dropped; `None` where there is none at this moment.
    pub fn held_version(&self) -> Result<Option<HeldVersion>, Unanswered> {
        let mut held = None;
        self.surveyor.ask(Question::Version, |piece| {
            if let Piece::Version(version) = piece {
                held = Some(*version);
            }
            false
        })?;
        Ok(held)
    }

    /// The monotonic clock, ms.
    pub fn millis(&self) -> i64 {
        self.status.clock.millis(Instant::now()) as i64
    }
}
