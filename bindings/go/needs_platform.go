//go:build cgo && !(linux && amd64) && !pellucid_shared

package pellucid

var _ = pellucid_has_no_static_library_for_this_platform_so_install_the_shared_one_and_build_with_tags_pellucid_shared
