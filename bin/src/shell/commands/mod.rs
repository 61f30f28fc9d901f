//! The commands that ask servers for something, each by its own file or with those that are like it.
//!
//! | file | commands |
//! |---|---|
//! | `reading` | ls, get, stat, getAcl, getAllChildrenNumber, getEphemerals, sync |
//! | `create`, `delete`, `set` | create; delete, deleteall; set, setAcl |
//! | `quota` | setquota, listquota, delquota |
//! | `members` | config, reconfig |
//! | `watching` | addWatch, removewatches |
//! | `identity` | addauth, whoami, version |
//! | `tree`, `find`, `du`, `watch`, `top`, `export`, `import` | this shell's own; `levels` is what some of them have in common |

mod create;
mod delete;
mod du;
mod export;
mod find;
mod identity;
mod import;
mod levels;
mod members;
mod quota;
mod reading;
mod set;
mod top;
mod tree;
mod watch;
mod watching;

use super::complaint::Complaint;
use super::stage::Stage;

type Command = fn(&Stage, &[String]) -> Result<(), Complaint>;

/// What does the command of this name, if it is one that needs a session.
pub fn named(name: &str) -> Option<Command> {
    Some(match name {
        "addWatch" => watching::add_watch,
        "addauth" => identity::add_auth,
        "config" => members::config,
        "create" => create::create,
        "delete" => delete::delete,
        "deleteall" => delete::delete_all,
        "delquota" => quota::del_quota,
        "du" => du::du,
        "export" => export::export,
        "find" => find::find,
        "get" => reading::get,
        "getAcl" => reading::get_acl,
        "getAllChildrenNumber" => reading::get_all_children_number,
        "getEphemerals" => reading::get_ephemerals,
        "import" => import::import,
        "listquota" => quota::list_quota,
        "ls" => reading::ls,
        "reconfig" => members::reconfig,
        "removewatches" => watching::remove_watches,
        "set" => set::set,
        "setAcl" => set::set_acl,
        "setquota" => quota::set_quota,
        "stat" => reading::stat,
        "sync" => reading::sync,
        "top" => top::top,
        "tree" => tree::tree,
        "version" => identity::version,
        "watch" => watch::watch,
        "whoami" => identity::who_am_i,
        _ => return None,
    })
}
