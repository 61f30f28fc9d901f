//! The flags of every command.

use super::flags::{Choice, Syntax, switch, valued};

pub const NONE: Syntax = Syntax { choice: Choice::Any, flags: &[] };
pub const ADD_WATCH: Syntax = Syntax { choice: Choice::Any, flags: &[valued("m", "")] };
pub const CONFIG: Syntax = Syntax {
    choice: Choice::Any,
    flags: &[switch("s", "stats"), switch("w", "watch"), switch("c", "client connection string")],
};
pub const CREATE: Syntax = Syntax {
    choice: Choice::Any,
    flags: &[switch("e", "ephemeral"), switch("s", "sequential"), switch("c", "container"), valued("t", "ttl")],
};
pub const DELETE: Syntax = Syntax { choice: Choice::Any, flags: &[valued("v", "version")] };
pub const DELETE_ALL: Syntax = Syntax { choice: Choice::Any, flags: &[valued("b", "batch size")] };
pub const DEL_QUOTA: Syntax = Syntax {
    flags: &[
        switch("n", "num soft quota"),
        switch("b", "bytes soft quota"),
        switch("N", "num hard quota"),
        switch("B", "bytes hard quota"),
    ],
    choice: Choice::AtMostOne,
};
pub const GET: Syntax = Syntax {
    choice: Choice::Any,
    flags: &[
        switch("s", "Print znode stats additionally"),
        switch("w", "Watch for changes on the znode"),
        switch("b", "Output data in base64 format"),
        switch("x", "Output data in hexdump format"),
    ],
};
pub const GET_ACL: Syntax = Syntax { choice: Choice::Any, flags: &[switch("s", "stats")] };
pub const LS: Syntax = Syntax {
    choice: Choice::Any,
    flags: &[switch("?", "help"), switch("s", "stat"), switch("w", "watch"), switch("R", "recurse")],
};
pub const RECONFIG: Syntax = Syntax {
    choice: Choice::Any,
    flags: &[
        switch("s", "stats"),
        valued("v", "required current config version"),
        valued("file", "path of config file to parse for membership"),
        valued("members", "comma-separated list of config strings for non-incremental reconfig"),
        valued("add", "comma-separated list of config strings for new servers"),
        valued("remove", "comma-separated list of server IDs to remove"),
    ],
};
pub const REMOVE_WATCHES: Syntax = Syntax {
    choice: Choice::Any,
    flags: &[
        switch("c", "child watcher type"),
        switch("d", "data watcher type"),
        switch("p", "persistent watcher type"),
        switch("r", "persistent recursive watcher type"),
        switch("a", "any watcher type"),
        switch("l", "remove locally when there is no server connection"),
    ],
};
pub const SET: Syntax = Syntax {
    choice: Choice::Any,
    flags: &[
        switch("s", "Print znode stats additionally"),
        valued("v", "Set with an expected version"),
        switch("b", "Supply data in base64 format"),
    ],
};
pub const SET_ACL: Syntax =
    Syntax { choice: Choice::Any, flags: &[switch("s", "stats"), valued("v", "version"), switch("R", "recursive")] };
pub const SET_QUOTA: Syntax = Syntax {
    flags: &[
        valued("n", "num soft quota"),
        valued("b", "bytes soft quota"),
        valued("N", "num hard quota"),
        valued("B", "bytes hard quota"),
    ],
    choice: Choice::ExactlyOne,
};
pub const STAT: Syntax = Syntax { choice: Choice::Any, flags: &[switch("w", "watch")] };

pub const DU: Syntax = Syntax { choice: Choice::Any, flags: &[valued("d", "levels")] };
pub const FIND: Syntax = Syntax {
    choice: Choice::Any,
    flags: &[
        valued("name", "glob"),
        switch("ephemeral", "ephemerals alone"),
        switch("leaf", "without children"),
        valued("larger", "bytes"),
        valued("d", "levels"),
    ],
};
pub const IMPORT: Syntax = Syntax { flags: &[switch("u", "update"), switch("k", "keep")], choice: Choice::AtMostOne };
pub const TOP: Syntax = Syntax { choice: Choice::Any, flags: &[valued("n", "lines")] };
pub const TREE: Syntax = Syntax { choice: Choice::Any, flags: &[valued("d", "levels"), switch("s", "sizes")] };
