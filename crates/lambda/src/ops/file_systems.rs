//! File systems of functions: access points that the configuration maps to folders of the host.

use crate::Lambda;
use crate::api::settings::FileSystemConfig;
use crate::error::Error;
use crate::record::FileSystemUse;

/// What a function is to mount.
///
/// # Errors
/// An access point that is mapped to no folder, or to one that is not there.
pub(crate) fn resolve(lambda: &Lambda, wanted: &[FileSystemConfig]) -> Result<Vec<FileSystemUse>, Error> {
    let use_of = |wanted: &FileSystemConfig| {
        let arn = wanted.arn.clone().unwrap_or_default();
        let refuse = |hint| Error::NotAvailable {
            member: "FileSystemConfigs",
            hint,
        };
        let Some(folder) = lambda.file_systems.get(&arn) else {
            return Err(refuse(format!(
                "map {arn} to a folder of the host with the setting `file_systems`, e.g. \
                 HEARTH_FILE_SYSTEMS={arn}=/srv/shared"
            )));
        };
        if !folder.is_dir() {
            return Err(refuse(format!("{} of {arn} is not a folder of the host", folder.display())));
        }
        Ok(FileSystemUse {
            arn,
            path: wanted.local_mount_path.clone().unwrap_or_default(),
        })
    };
    wanted.iter().map(use_of).collect()
}

/// What is said when the configuration no longer maps what a function mounts.
pub(crate) fn unmapped(arn: &str) -> String {
    format!("the setting `file_systems` maps {arn} to no folder of the host")
}
