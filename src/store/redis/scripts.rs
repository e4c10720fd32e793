//! The scripts. Each says at its head what it takes, what it does, and what it returns.

use std::sync::LazyLock;

use redis::Script;

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub static $name: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!($file)));)*
    };
}

scripts! {
    BEAT = "beat.lua";
    BEGIN_COPY = "begin_copy.lua";
    CLAIM = "claim.lua";
    COMMIT = "commit.lua";
    DRAW = "draw.lua";
    ENLIST = "enlist.lua";
    ENTER = "enter.lua";
    FOUND = "found.lua";
    GIVE_BACK = "give_back.lua";
    INBOX = "inbox.lua";
    KEEP = "keep.lua";
    MOVE_IN = "move_in.lua";
    MOVE_IN_LETTERS = "move_in_letters.lua";
    OCCURRENCES = "occurrences.lua";
    PUT = "put.lua";
    REACH = "reach.lua";
    REGISTER = "register.lua";
    SEAL = "seal.lua";
    SET_ASIDE = "set_aside.lua";
    THREAD = "thread.lua";
}
