//! What the clients of all servers hold to.

use reqwest::redirect::Policy;

/// A server sends a request on a few times at most.
const HOPS: usize = 3;

/// Follows a server only to itself: what a token opens, and the token, go nowhere else. Where it would lead elsewhere the redirect itself
/// is the answer.
pub fn within_the_server() -> Policy {
    Policy::custom(|attempt| {
        let asked = attempt.previous().first();
        let stays = asked.is_some_and(|asked| asked.origin() == attempt.url().origin());
        if stays && attempt.previous().len() <= HOPS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}
