# find_package(Pellucid) gives the targets Pellucid::shared and Pellucid::static.
#
# Nothing here names a folder: everything is found from where this file is, and the prefix may be moved.

if(TARGET Pellucid::shared OR TARGET Pellucid::static)
    return()
endif()

# Libraries are two folders up if this is below them, and beside the folder of data otherwise.
foreach(pellucid_place ".." "../../lib" "../../lib64" "../../lib/${CMAKE_LIBRARY_ARCHITECTURE}")
    get_filename_component(pellucid_libraries "${CMAKE_CURRENT_LIST_DIR}/../${pellucid_place}" ABSOLUTE)
    if(EXISTS "${pellucid_libraries}/pkgconfig/pellucid.pc")
        break()
    endif()
endforeach()
set(pellucid_package "${pellucid_libraries}/pkgconfig/pellucid.pc")
if(NOT EXISTS "${pellucid_package}")
    set(Pellucid_FOUND FALSE)
    set(Pellucid_NOT_FOUND_MESSAGE "there is no pkgconfig/pellucid.pc near ${CMAKE_CURRENT_LIST_DIR}")
    return()
endif()

# What the static library needs is written down once, for pkg-config.
file(STRINGS "${pellucid_package}" pellucid_needed REGEX "^Libs\\.private:")
string(REGEX REPLACE "^Libs\\.private: *" "" pellucid_needed "${pellucid_needed}")
separate_arguments(pellucid_needed)

set(pellucid_headers "${pellucid_libraries}")
while(NOT EXISTS "${pellucid_headers}/include/pellucid.h")
    get_filename_component(pellucid_above "${pellucid_headers}" DIRECTORY)
    if(pellucid_above STREQUAL pellucid_headers)
        break()
    endif()
    set(pellucid_headers "${pellucid_above}")
endwhile()
if(NOT EXISTS "${pellucid_headers}/include/pellucid.h")
    set(Pellucid_FOUND FALSE)
    set(Pellucid_NOT_FOUND_MESSAGE "there is no include/pellucid.h above ${pellucid_libraries}")
    return()
endif()

if(EXISTS "${pellucid_libraries}/libpellucid.so")
    add_library(Pellucid::shared SHARED IMPORTED)
    set_target_properties(Pellucid::shared PROPERTIES
        IMPORTED_LOCATION "${pellucid_libraries}/libpellucid.so"
        INTERFACE_INCLUDE_DIRECTORIES "${pellucid_headers}/include")
endif()
if(EXISTS "${pellucid_libraries}/libpellucid.a")
    add_library(Pellucid::static STATIC IMPORTED)
    set_target_properties(Pellucid::static PROPERTIES
        IMPORTED_LOCATION "${pellucid_libraries}/libpellucid.a"
        IMPORTED_LINK_INTERFACE_LANGUAGES "C"
        INTERFACE_LINK_LIBRARIES "${pellucid_needed}"
        INTERFACE_INCLUDE_DIRECTORIES "${pellucid_headers}/include")
endif()

foreach(pellucid_component ${Pellucid_FIND_COMPONENTS})
    if(TARGET Pellucid::${pellucid_component})
        set(Pellucid_${pellucid_component}_FOUND TRUE)
    elseif(Pellucid_FIND_REQUIRED_${pellucid_component})
        set(Pellucid_FOUND FALSE)
        set(Pellucid_NOT_FOUND_MESSAGE "${pellucid_component} isn't in ${pellucid_libraries}; there are shared and static")
    endif()
endforeach()

unset(pellucid_place)
unset(pellucid_libraries)
unset(pellucid_package)
unset(pellucid_needed)
unset(pellucid_headers)
unset(pellucid_above)
unset(pellucid_component)
