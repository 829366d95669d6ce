//! Ruby: the folder, and what `Gemfile` names in `vendor/bundle`, where Lambda's GEM_PATH looks.

use super::super::Project;
use super::super::files::Contents;
use super::excluded;
use super::tool::Tool;
use crate::exit::Failure;

pub(super) fn contents(project: &Project) -> Result<Contents, Failure> {
    let gemfile = project.folder.join("Gemfile");
    if gemfile.is_file() {
        Tool::new("bundle", &project.folder)
            .args(["install", "--quiet"])
            .env("BUNDLE_PATH", "vendor/bundle")
            .env("BUNDLE_WITHOUT", "development:test")
            .hint("Bundler installs what Gemfile names; it comes with Ruby")
            .run()?;
    }
    let mut contents = Contents::default();
    let also = ["/.bundle", "/vendor/bundle/ruby/*/cache", "/test_*.rb", "/test", "/spec", "/README.md"];
    contents.add_folder(&project.folder, "", &excluded(project, &also))?;
    Ok(contents)
}
