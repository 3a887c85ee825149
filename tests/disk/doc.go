// Package disk starts the real server where it must not or can hardly work: on a small file system that fills
// up, and on data directories of others. On a full disk produce has to be refused early and with a clear error
// while reads and deletions go on, the node has to start again, and produce has to open by itself once there is
// room. A directory that is in use or belongs to another node is refused with a sentence that says what to do.
//
// Mounting needs privileges. Where they are missing those tests are skipped with the reason.
package disk
