//! Labels of a repository, and of an issue.

use super::paging::Listed;
use super::{Earlier, Gitea, GiteaError, Seen, path};
use crate::config::Repository;
use futures_util::FutureExt;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Clone, Deserialize)]
struct Label {
    id: u64,
    name: String,
}

impl Listed for Label {
    type Id = u64;

    fn id(&self) -> u64 {
        self.id
    }
}

impl Gitea {
    /// Puts a label on an issue; makes it where the repository has none of that name. Needs write access.
    pub async fn label(
        &self,
        repository: &Repository,
        issue: u64,
        name: &str,
    ) -> Result<(), GiteaError> {
        let (id, _) = self.label_or_new(repository, name).await?;
        let path = format!("{}/issues/{issue}/labels", path::repository(repository));
        // The label that is there already stays there once.
        self.set::<Value>(
            format!("label {repository}#{issue} `{name}`"),
            Method::POST,
            path,
            json!({ "labels": [id] }),
        )
        .await?;
        Ok(())
    }

    /// Takes a label off an issue; `false` where it was not on it. Needs write access.
    pub async fn unlabel(
        &self,
        repository: &Repository,
        issue: u64,
        name: &str,
    ) -> Result<bool, GiteaError> {
        let labels = format!("{}/issues/{issue}/labels", path::repository(repository));
        let doing = format!("read the labels of {repository}#{issue}");
        let on_it: Seen<Vec<Label>> = self.read(doing, labels.clone()).await?;
        let Some(label) = on_it.value.iter().find(|label| label.name == name) else {
            return Ok(false);
        };
        let doing = format!("take the label `{name}` off {repository}#{issue}");
        self.delete(doing, format!("{labels}/{}", label.id)).await?;
        Ok(true)
    }

    /// Makes a label where the repository has none of that name; answers whether it was made. Needs write access.
    pub async fn make_label(
        &self,
        repository: &Repository,
        name: &str,
    ) -> Result<bool, GiteaError> {
        Ok(self.label_or_new(repository, name).await?.1)
    }

    /// A label, and whether it is new.
    async fn label_or_new(
        &self,
        repository: &Repository,
        name: &str,
    ) -> Result<(u64, bool), GiteaError> {
        let find = || {
            async {
                let known = self.label_id(repository, name).await?;
                Ok(known.map(|id| (id, false)))
            }
            .boxed()
        };
        let make = || {
            async {
                let path = format!("{}/labels", path::repository(repository));
                let wanted = json!({ "name": name, "color": "#1a7f37" });
                let doing = format!("make the label `{name}` in {repository}");
                let made: Label = self.create(doing, path, wanted).await?;
                Ok((made.id, true))
            }
            .boxed()
        };
        self.exactly_once(Earlier::Made, find, make).await
    }

    async fn label_id(
        &self,
        repository: &Repository,
        name: &str,
    ) -> Result<Option<u64>, GiteaError> {
        let known: Seen<Vec<Label>> = self
            .paged_list(
                format!("list the labels of {repository}"),
                format!("{}/labels", path::repository(repository)),
            )
            .await?;
        let mut named = known.value.into_iter().filter(|label| label.name == name);
        Ok(named.next().map(|label| label.id))
    }
}
