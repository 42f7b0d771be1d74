//! Conversations as a maintainer has them: a comment on the forge, Gavel's answer, compared word for word. Everything is real but the
//! world, which is the lab: the binary under test is started, stopped and killed as an installation's would be.

mod all;
mod asking;
mod asking_again;
mod attacks;
mod auditing;
mod by_hand;
mod doctor;
mod filing;
mod helpers;
mod keeping;
mod lab;
mod logging;
mod machine;
mod mask;
mod outages;
mod pausing;
mod process;
mod proxy;
mod putting_away;
mod restarts;
mod restoring;
mod running;
mod secrets;
mod setup;
mod words;
