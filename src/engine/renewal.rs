//! Secrets are exchanged while Gavel works: their files are read again, and all that uses one has what its file says from then on.

use super::Engine;

impl Engine {
    /// Reads all files with secrets again, and exchanges what has changed. Where one of them gives no secret, nothing is exchanged.
    pub fn renew_secrets(&self) {
        let secrets = &self.config.secrets;
        let renewal = match secrets.read_again() {
            Ok(renewal) => renewal,
            Err(wrong) => {
                for error in wrong {
                    let mend = error.mend();
                    tracing::error!(
                        "no secret was exchanged, all stay as they are: {error}. {mend}, then send SIGHUP again"
                    );
                }
                return;
            }
        };
        // Known before they are used, so that none of them is ever shown.
        let mut known = secrets.known();
        known.extend(renewal.values().cloned());
        self.world.redactor.know(&known);
        let files: Vec<_> = renewal
            .files()
            .map(|file| file.display().to_string())
            .collect();
        renewal.take_effect();
        match files.as_slice() {
            [] => tracing::info!(
                "the files with secrets say what they said before; gavel.toml is read at the start alone"
            ),
            files => tracing::info!(
                files = files.join(", "),
                "secrets were exchanged; gavel.toml is read at the start alone"
            ),
        }
    }
}
