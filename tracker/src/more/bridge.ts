import type { Core, Properties, Tap } from '../types';
import { hearLayer, layer } from './dataLayer';

/** GA4's recommended events under the names of the Segment spec, and their parameters. */
const NAMES: Record<string, string> = {
  view_item: 'Product Viewed',
  view_item_list: 'Product List Viewed',
  select_item: 'Product Clicked',
  add_to_cart: 'Product Added',
  remove_from_cart: 'Product Removed',
  view_cart: 'Cart Viewed',
  begin_checkout: 'Checkout Started',
  purchase: 'Order Completed',
  search: 'Products Searched',
};
const FIELDS: Record<string, string> = {
  transaction_id: 'order_id',
  search_term: 'query',
  item_id: 'product_id',
  item_name: 'name',
  item_brand: 'brand',
  item_category: 'category',
  item_variant: 'variant',
};
/** Marks what we put into the layer, so that it does not come back. */
const OURS = 'personalization';

const renamed = (stated: Properties): Properties =>
  Object.fromEntries(Object.entries(stated).map(([name, value]) => [FIELDS[name] ?? name, value]));

/** Return the entry in the spec's terms: of one product, what is said of it is said of the event. */
export const inOurTerms = (entry: Properties): [string, Properties] => {
  const { event, ecommerce, ...rest } = entry as { event: string; ecommerce?: Properties };
  const { items, ...stated } = { ...rest, ...ecommerce } as Properties;
  const name = NAMES[event] ?? event;
  const products = Array.isArray(items) ? items.map(renamed) : undefined;
  const properties = renamed(stated);
  if (event === 'purchase') properties.total ??= properties.value;
  return [
    name,
    {
      ...(products?.length === 1 && /^Product /.test(name) && products[0]),
      ...properties,
      ...(products && { products }),
    },
  ];
};

/** Takes events from `dataLayer`, but for the tag manager's own. */
export const bridgeIn = ({ track, safely }: Core): void =>
  hearLayer(
    safely((entry) => {
      if (typeof entry?.event === 'string' && !/^gtm\./.test(entry.event) && !entry[OURS])
        track(...inOurTerms(entry));
    }),
  );

/** Puts every event that goes out into `dataLayer`; those that came from there, too, marked. */
export const bridgeOut: Tap = (type, fields) => {
  const { event = type, ...rest } = fields;
  layer().push({ event, [OURS]: { type, ...rest } });
};
