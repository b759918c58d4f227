<?php
/**
 * The media library of the WordPress that start.sh runs, as the tests see and
 * change it: through WordPress' own functions, beside its REST API.
 *
 * usage: php library.php SITE install USERS   makes the site and its users; prints NAME=value
 *        php library.php SITE fill            photos as the JSON list on standard input says
 *        php library.php SITE dump            the library as a JSON list
 *        php library.php SITE edit ID         the alt text becomes standard input, as in the admin pages
 *        php library.php SITE delete ID
 */

list( , $site, $verb ) = $argv;
$rest = array_slice( $argv, 3 );

$_SERVER += array(
	'HTTP_HOST'       => '127.0.0.1',
	'REQUEST_METHOD'  => 'GET',
	'SERVER_PROTOCOL' => 'HTTP/1.1',
);
if ( 'install' === $verb ) {
	define( 'WP_INSTALLING', true );
}
require "$site/wp-load.php";
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
require_once ABSPATH . 'wp-admin/includes/image.php';

/** Makes the site, once, and its users with an application password each. */
function install( $users_file ) {
	add_filter( 'pre_wp_mail', '__return_true' );
	if ( ! is_blog_installed() ) {
		wp_install( 'Test', 'admin', 'admin@example.com', false, '', wp_generate_password( 24, false ) );
		global $wp_rewrite;
		$wp_rewrite->set_permalink_structure( '/%postname%/' );
		flush_rewrite_rules( false );
	}
	$known = is_file( $users_file ) ? parse_ini_file( $users_file, false, INI_SCANNER_RAW ) : array();
	$roles = array(
		'USER'   => 'editor',
		'AUTHOR' => 'author',
		'READER' => 'subscriber',
	);
	foreach ( $roles as $name => $role ) {
		$user = get_user_by( 'login', $role );
		$id   = $user ? $user->ID : wp_insert_user(
			array(
				'user_login' => $role,
				'user_pass'  => wp_generate_password( 24, false ),
				'user_email' => "$role@example.com",
				'role'       => $role,
			)
		);
		$variable = 'USER' === $name ? 'WP_PASSWORD' : "WP_{$name}_PASSWORD";
		$password = $known[ $variable ] ?? '';
		if ( '' === $password ) {
			list( $password ) = WP_Application_Passwords::create_new_application_password( $id, array( 'name' => 'tests' ) );
		}
		echo "WP_$name=$role\n$variable=$password\n";
	}
}

/** Draws a photo that differs from every other one. */
function draw( $number, $path ) {
	$image = imagecreatetruecolor( 1280, 853 );
	mt_srand( $number );
	for ( $band = 0; $band < 12; $band++ ) {
		$colour = imagecolorallocate( $image, mt_rand( 0, 255 ), mt_rand( 0, 255 ), mt_rand( 0, 255 ) );
		imagefilledrectangle( $image, 0, $band * 72, 1280, $band * 72 + 72, $colour );
	}
	imagejpeg( $image, $path, 80 );
	imagedestroy( $image );
}

/** The ids of all images, oldest first. */
function ids() {
	return get_posts(
		array(
			'post_type'   => 'attachment',
			'post_status' => 'any',
			'numberposts' => -1,
			'orderby'     => 'ID',
			'order'       => 'ASC',
			'fields'      => 'ids',
		)
	);
}

/** Makes the library have these photos, with these texts to the byte. */
function fill( $photos ) {
	global $wpdb;
	$ids = ids();
	while ( count( $ids ) > count( $photos ) ) {
		wp_delete_attachment( array_pop( $ids ), true );
	}
	$editor  = get_user_by( 'login', 'editor' )->ID;
	$uploads = wp_upload_dir();
	for ( $at = count( $ids ); $at < count( $photos ); $at++ ) {
		$name = wp_unique_filename( $uploads['path'], "photo-$at.jpg" );
		draw( $at, "{$uploads['path']}/$name" );
		$id = wp_insert_attachment(
			array(
				'post_mime_type' => 'image/jpeg',
				'post_title'     => "Photo $at",
				'post_excerpt'   => "Photo $at & <em>friends</em>",
				'post_status'    => 'inherit',
				'post_author'    => $editor,
			),
			"{$uploads['path']}/$name"
		);
		wp_update_attachment_metadata( $id, wp_generate_attachment_metadata( $id, "{$uploads['path']}/$name" ) );
		$ids[] = $id;
	}
	// Straight into the table, so that no cleaning touches the bytes, and long
	// ago, so that only what changes from here on is a change.
	foreach ( $photos as $at => $photo ) {
		$id    = $ids[ $at ];
		$names = array( 'post_title' => "Photo $at", 'post_excerpt' => "Photo $at & <em>friends</em>" );
		$wpdb->update( $wpdb->posts, $names, array( 'ID' => $id ) );
		foreach ( array( '_wp_attachment_image_alt' => 'alt', 'alt_source' => 'source' ) as $key => $field ) {
			$wpdb->delete( $wpdb->postmeta, array( 'post_id' => $id, 'meta_key' => $key ) );
			if ( isset( $photo[ $field ] ) ) {
				$wpdb->insert( $wpdb->postmeta, array( 'post_id' => $id, 'meta_key' => $key, 'meta_value' => $photo[ $field ] ) );
			}
		}
	}
	$wpdb->query( "UPDATE $wpdb->posts SET post_modified = '2020-01-01 12:00:00', post_modified_gmt = '2020-01-01 12:00:00' WHERE post_type = 'attachment'" );
	wp_cache_flush();
}

/** What is stored, as it is. */
function dump() {
	global $wpdb;
	$value = function ( $id, $key ) use ( $wpdb ) {
		return $wpdb->get_var( $wpdb->prepare( "SELECT meta_value FROM $wpdb->postmeta WHERE post_id = %d AND meta_key = %s", $id, $key ) );
	};
	$photos = array();
	foreach ( ids() as $id ) {
		$photos[] = array(
			'id'     => (string) $id,
			'alt'    => $value( $id, '_wp_attachment_image_alt' ),
			'source' => $value( $id, 'alt_source' ),
		);
	}
	echo wp_json_encode( $photos );
}

switch ( $verb ) {
	case 'install':
		install( $rest[0] );
		break;
	case 'fill':
		fill( json_decode( stream_get_contents( STDIN ), true ) );
		dump();
		break;
	case 'dump':
		dump();
		break;
	case 'edit':
		// As the admin pages do it: cleaned, slashed, and the post is touched.
		update_post_meta( (int) $rest[0], '_wp_attachment_image_alt', wp_slash( sanitize_text_field( stream_get_contents( STDIN ) ) ) );
		wp_update_post( array( 'ID' => (int) $rest[0] ) );
		break;
	case 'delete':
		wp_delete_attachment( (int) $rest[0], true );
		break;
	default:
		fwrite( STDERR, "no such verb: $verb\n" );
		exit( 2 );
}
