//! The upgrade flow of the lab, as programs of their own: what an agent does from a skill's text in the world, they do step by step.

mod broken;
mod broken_all;
mod child;
mod clone;
mod recipe_upgrade;
mod reconcile;
mod repair;
mod stale;
mod summary;
mod upgrade_all;
mod version;

pub use recipe_upgrade::RecipeUpgrade;
pub use upgrade_all::UpgradeAll;

use super::client::Api;
use super::faults::Faults;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;

/// What every program of the flow finds in its environment.
#[derive(Args, Clone)]
pub struct Surroundings {
    #[arg(long, env = "FORGE_URL", hide = true)]
    forge_url: String,
    #[arg(long, env = "FORGE_TOKEN", hide = true, hide_env_values = true)]
    forge_token: String,
    /// Where the mirrors are
    #[arg(long, env = "ORG", default_value = "recipe-maintainers", hide = true)]
    mirrors: String,
    /// Where the recipes come from
    #[arg(long, env = "UPSTREAM", default_value = "coop-cloud", hide = true)]
    upstream: String,
    #[arg(long, env = "REGISTRY_URL", hide = true)]
    registry_url: String,
    #[arg(long, env = "DRONE_URL", hide = true)]
    drone_url: String,
    /// Where the harness's results are served
    #[arg(long, env = "RESULTS_URL", hide = true)]
    results_url: String,
    /// `testme-on-pr.sh`
    #[arg(long, env = "HELPER", hide = true)]
    helper: PathBuf,
    /// `verify-pr.sh`
    #[arg(long, env = "VERIFY_PR", hide = true)]
    verify_pr: PathBuf,
    /// Where clones are made, and removed again
    #[arg(long, env = "WORK", hide = true)]
    work: PathBuf,
    #[arg(long, env = "LAB_FAULTS", default_value = "", hide = true, value_parser = Faults::read)]
    faults: Faults,
}

impl Surroundings {
    fn forge(&self) -> Api {
        Api::forge(&self.forge_url).with_token(&self.forge_token)
    }

    /// The forge's pages, which hold files as they are.
    fn pages(&self) -> Api {
        Api::service(&self.forge_url)
    }

    /// All tags of an image, page by page.
    async fn tags(&self, image: &str) -> Result<Vec<String>> {
        const MOST_PAGES: usize = 100;
        let registry = Api::service(&self.registry_url);
        let mut tags: Vec<String> = Vec::new();
        for _ in 0..MOST_PAGES {
            let last = tags
                .last()
                .map(|last| format!("&last={last}"))
                .unwrap_or_default();
            let page = registry
                .get(&format!("/v2/{image}/tags/list?n=100{last}"))
                .await
                .with_context(|| format!("asking the registry for the tags of {image}"))?;
            let listed: Vec<String> = page["tags"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|tag| tag.as_str().map(str::to_owned))
                .collect();
            let full = listed.len() >= 100;
            tags.extend(listed);
            if !full {
                break;
            }
        }
        Ok(tags)
    }

    fn git_url(&self, owner: &str, name: &str) -> String {
        format!(
            "{}/{owner}/{name}.git",
            self.forge_url.trim_end_matches('/')
        )
    }
}

/// An open pull request, as far as the flow needs it.
struct Pull {
    number: i64,
    url: String,
    branch: String,
    head: String,
}

impl Pull {
    fn read(value: &Value) -> Result<Pull> {
        let text = |value: &Value, what: &str| {
            let text = value.as_str().map(str::to_owned);
            text.with_context(|| format!("the forge's answer holds no {what} of a pull request"))
        };
        Ok(Pull {
            number: value["number"]
                .as_i64()
                .context("the forge's answer holds no number of a pull request")?,
            url: text(&value["html_url"], "page")?,
            branch: text(&value["head"]["ref"], "branch")?,
            head: text(&value["head"]["sha"], "head")?,
        })
    }
}

/// One repository's issues and pull requests, in the flow's name.
struct Repo {
    api: Api,
    path: String,
}

impl Repo {
    fn new(api: Api, owner: &str, name: &str) -> Repo {
        Repo {
            api,
            path: format!("/repos/{owner}/{name}"),
        }
    }

    async fn open_pulls(&self) -> Result<Vec<Pull>> {
        let listed = self
            .api
            .list(&format!("{}/pulls?state=open", self.path))
            .await?;
        listed.iter().map(Pull::read).collect()
    }

    async fn open_pull(&self, branch: &str, title: &str, body: &str) -> Result<Pull> {
        let wanted =
            serde_json::json!({ "head": branch, "base": "main", "title": title, "body": body });
        let made = self.api.post(&format!("{}/pulls", self.path), wanted).await;
        Pull::read(&made.with_context(|| format!("opening a pull request from {branch}"))?)
    }

    async fn comment(&self, pull: i64, text: &str) -> Result<()> {
        let path = format!("{}/issues/{pull}/comments", self.path);
        self.api
            .post(&path, serde_json::json!({ "body": text }))
            .await
            .with_context(|| format!("commenting on pull request {pull}"))?;
        Ok(())
    }

    async fn close(&self, pull: i64) -> Result<()> {
        let path = format!("{}/pulls/{pull}", self.path);
        self.api
            .patch(&path, serde_json::json!({ "state": "closed" }))
            .await
            .with_context(|| format!("closing pull request {pull}"))?;
        Ok(())
    }
}
