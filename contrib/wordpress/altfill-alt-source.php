<?php
/**
 * Plugin Name:       Alt text source
 * Description:       Remembers for each media item whether a machine or a person wrote its alternative text, and forgets it as soon as the text changes.
 * Version:           1.0.0
 * Requires at least: 5.5
 * Requires PHP:      7.4
 * License:           GPL-2.0-or-later
 * License URI:       https://www.gnu.org/licenses/gpl-2.0.html
 *
 * One file, no settings, no output of its own. Copy it to wp-content/plugins and
 * activate it, or to wp-content/mu-plugins, where it needs no activation.
 *
 * It adds the field "alt_source" under "meta" of /wp-json/wp/v2/media: "ai" for a
 * text that a machine wrote and nobody has checked, "human" once a person stands
 * behind it, "" where nobody said anything. Whoever may edit an item may set it.
 *
 * The mark belongs to one text. When the text changes and the change does not
 * say where it comes from (an edit in the media library, another plugin), the
 * mark goes, so that a person's words never stand under a machine's mark.
 *
 * @package altfill
 */

namespace Altfill\AltSource;

defined( 'ABSPATH' ) || exit;

const SOURCE = 'alt_source';
const ALT    = '_wp_attachment_image_alt';

/**
 * Remembers, for the rest of this request, which items' source it names.
 *
 * @param int|null $id An item to add, or null to only look.
 * @return array<int, true> The items so far.
 */
function named( $id = null ) {
	static $named = array();
	if ( null !== $id ) {
		$named[ $id ] = true;
	}
	return $named;
}

/**
 * Registers the field.
 */
function register() {
	register_post_meta(
		'attachment',
		SOURCE,
		array(
			'type'          => 'string',
			'description'   => 'Who wrote the alternative text: ai, human, or empty where nobody said.',
			'single'        => true,
			'default'       => '',
			'auth_callback' => function ( $allowed, $key, $id, $user ) {
				return user_can( $user, 'edit_post', $id );
			},
			'show_in_rest'  => array(
				'schema' => array(
					'type' => 'string',
					'enum' => array( '', 'ai', 'human' ),
				),
			),
		)
	);
}
add_action( 'init', __NAMESPACE__ . '\\register' );

/**
 * Notes that a request names the source itself. This runs before WordPress stores
 * the request's meta fields, and those are stored before the text.
 *
 * @param \WP_Post         $item    The media item.
 * @param \WP_REST_Request $request The request.
 */
function note_request( $item, $request ) {
	$meta = $request['meta'];
	if ( is_array( $meta ) && array_key_exists( SOURCE, $meta ) ) {
		named( (int) $item->ID );
	}
}
add_action( 'rest_insert_attachment', __NAMESPACE__ . '\\note_request', 10, 2 );

/**
 * Takes the mark away when the text changed and nobody said where it comes from.
 * WordPress calls this only if the stored text really is another one.
 *
 * @param int|int[] $meta_id Not used.
 * @param int       $id      The media item.
 * @param string    $key     The field that changed.
 */
function forget( $meta_id, $id, $key ) {
	if ( ALT === $key && ! isset( named()[ (int) $id ] ) ) {
		delete_post_meta( $id, SOURCE );
	}
}
add_action( 'added_post_meta', __NAMESPACE__ . '\\forget', 10, 3 );
add_action( 'updated_post_meta', __NAMESPACE__ . '\\forget', 10, 3 );
add_action( 'deleted_post_meta', __NAMESPACE__ . '\\forget', 10, 3 );
