//! What a command that has failed says on stderr, in zkCli's words, and what the process ends with if it was the last one.

use crate::client::code;
use crate::client::failure::Failure;

/// zkCli knows no such command.
const EXIT_NOT_FOUND: u8 = 127;
/// What a shell calls the end by SIGINT.
pub const EXIT_INTERRUPTED: u8 = 130;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Complaint {
    pub text: String,
    pub exit: u8,
}

impl Complaint {
    pub fn new(text: impl Into<String>) -> Complaint {
        Complaint { text: text.into(), exit: 1 }
    }

    pub fn not_found(word: &str) -> Complaint {
        Complaint { text: format!("Command not found: Command not found {word}"), exit: EXIT_NOT_FOUND }
    }
}

/// The sentences that zkCli has for some codes; of all others the client's own.
impl From<Failure> for Complaint {
    fn from(failure: Failure) -> Complaint {
        let Failure::Code { code, path } = &failure else {
            let exit = if failure == Failure::Interrupted { EXIT_INTERRUPTED } else { 1 };
            return Complaint { text: failure.to_string(), exit };
        };
        let begin = match *code {
            code::NO_NODE => "Node does not exist: ",
            code::NO_CHILDREN_FOR_EPHEMERALS => "Ephemerals cannot have children: ",
            code::NODE_EXISTS => "Node already exists: ",
            code::NOT_EMPTY => "Node not empty: ",
            code::NOT_READ_ONLY => "Not a read-only call: ",
            code::INVALID_ACL => "Acl is not valid : ",
            code::NO_AUTH => "Insufficient permission : ",
            code::BAD_ARGUMENTS => "Arguments are not valid : ",
            code::BAD_VERSION => "version No is not valid : ",
            code::QUOTA_EXCEEDED => "Quota has exceeded : ",
            code::RECONFIG_IN_PROGRESS => {
                return Complaint::new(
                    "Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)",
                );
            }
            // The word is misspelt there too.
            code::NEW_CONFIG_NO_QUORUM => {
                return Complaint::new(
                    "No quorum of new config is connected and up-to-date with the leader of last commmitted config - try \
                     invoking reconfiguration after new servers are connected and synced",
                );
            }
            _ => return Complaint::new(failure.to_string()),
        };
        Complaint::new(format!("{begin}{}", path.as_deref().unwrap_or("null")))
    }
}

#[cfg(test)]
mod tests {
    use super::Complaint;
    use crate::client::failure::Failure;

    #[test]
    fn failures_have_zkclis_sentences() {
        for (code, text) in [
            (-101, "Node does not exist: /a"),
            (-102, "Insufficient permission : /a"),
            (-103, "version No is not valid : /a"),
            (-108, "Ephemerals cannot have children: /a"),
            (-110, "Node already exists: /a"),
            (-111, "Node not empty: /a"),
            (-114, "Acl is not valid : /a"),
            (-119, "Not a read-only call: /a"),
            (-125, "Quota has exceeded : /a"),
            (-8, "Arguments are not valid : /a"),
            (-4, "KeeperErrorCode = ConnectionLoss for /a"),
            (-112, "KeeperErrorCode = Session expired for /a"),
        ] {
            assert_eq!(Complaint::from(Failure::of(code, "/a")), Complaint::new(text));
        }
        let nowhere = Complaint::from(Failure::Code { code: -114, path: None });
        assert_eq!(nowhere.text, "Acl is not valid : null");
        assert_eq!(Complaint::from(Failure::Argument("wrong".into())), Complaint::new("wrong"));
        assert_eq!(Complaint::from(Failure::Interrupted).exit, 130);
    }
}
