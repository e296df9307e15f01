//! Kernel parameters as they are now (`sysctl`); files that set them are [`super::Resource::File`].
